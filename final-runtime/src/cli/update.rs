//! `update`: holds containers that run to other limits.

use anyhow::{Context, Result, ensure};
use step07::{DeviceRule, Explain, Limits, Scope, Side, scope_of};

use super::each;
use crate::{
    lifecycle::limits::{LimitWords, Worded},
    store::Store,
};

/// Hold running containers to other limits; what is not asked for stays as it is
#[derive(clap::Args)]
pub struct Args {
    /// Tell each act on the kernel as the shell command that would do the same
    #[arg(long)]
    explain: bool,

    /// Names, ids, or beginnings of ids
    #[arg(required = true)]
    containers: Vec<String>,

    #[command(flatten)]
    limits: Worded<Limits>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        ensure!(!self.limits.words.is_empty(), "update: no limit was given");
        each(&self.containers, |name| {
            self.update(store, name).with_context(|| format!("update: container {name}"))
        })
    }

    /// The kernel first: what it has refused is not written down.
    fn update(&self, store: &Store, name: &str) -> Result<()> {
        let id = store.containers.find(name)?.config.id;
        store.containers.change(&id, |container| {
            let mut group = container.group()?;
            ensure!(
                !group.is_empty(),
                "it has no control group of its own, since none is delegated to the caller"
            );
            let words = container.config.limits.clone().and(self.limits.words.clone());
            let explain = Explain::new(self.explain).at(Side::Host, "cgroup");
            let changes = with_rules(&self.limits.args, &words)?.changes();
            Scope::around(&scope_of(&id), &group).change(&explain, &mut group, &changes)?;
            container.config.limits = words;
            Ok(())
        })
    }
}

/// The list of devices is written as a whole, with the rules that were there before.
fn with_rules(limits: &Limits, words: &LimitWords) -> Result<Limits> {
    let mut limits = limits.clone();
    if !limits.device_cgroup_rule.is_empty() {
        let rules = words.get("device-cgroup-rule").iter().map(|rule| rule.parse());
        limits.device_cgroup_rule = rules.collect::<Result<Vec<DeviceRule>>>()?;
    }
    Ok(limits)
}
