//! `unpause`: lets containers go on.

use anyhow::{Context, Result, ensure};
use step07::{Explain, Side};

use super::each;
use crate::store::Store;

/// Let paused containers go on
#[derive(clap::Args)]
pub struct Args {
    /// Tell each act on the kernel as the shell command that would do the same
    #[arg(long)]
    explain: bool,

    /// Names, ids, or beginnings of ids
    #[arg(required = true)]
    containers: Vec<String>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        each(&self.containers, |name| {
            let container = store.containers.find(name)?;
            let group = container.group()?;
            ensure!(group.is_frozen()?, "unpause: container {name} is not paused");
            let explain = Explain::new(self.explain).at(Side::Host, "cgroup");
            group.thaw(&explain).with_context(|| format!("unpause: container {name}"))
        })
    }
}
