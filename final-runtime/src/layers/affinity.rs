//! `process.execCPUAffinity`: on which processors a process is that joins a container, before it is in
//! the container's group, and after. See sched_setaffinity(2).

use anyhow::{Context, Result, ensure};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use step07::{Explain, Layer};

use crate::spec::CpuAffinity;

/// The layer, below that which joins.
pub struct Affinity {
    initial: Option<(String, CpuSet)>,
    last: Option<(String, CpuSet)>,
}

impl Affinity {
    /// As asked for.
    pub fn new(asked: &CpuAffinity) -> Result<Self> {
        let set = |list: &Option<String>, name: &str| {
            let list = list.as_ref().filter(|list| !list.is_empty());
            let parsed = list.map(|list| Ok((list.clone(), cpus(list)?)));
            parsed.transpose().map_err(|error: anyhow::Error| {
                error.context(format!("spec: process.execCPUAffinity.{name}"))
            })
        };
        Ok(Self { initial: set(&asked.initial, "initial")?, last: set(&asked.last, "final")? })
    }
}

impl Layer for Affinity {
    fn name(&self) -> &'static str {
        "affinity"
    }

    fn joins(&self) -> bool {
        self.initial.is_some()
    }

    fn join(&mut self, explain: &Explain) -> Result<()> {
        set(explain, &self.initial, Pid::from_raw(0))
    }

    fn attach(&mut self, explain: &Explain, child: Pid) -> Result<()> {
        set(explain, &self.last, child)
    }
}

fn set(explain: &Explain, cpus: &Option<(String, CpuSet)>, pid: Pid) -> Result<()> {
    let Some((list, set)) = cpus else { return Ok(()) };
    explain.act(
        format_args!("taskset --cpu-list --pid {list} {pid}"),
        format_args!("being on the processors {list}"),
        || sched_setaffinity(pid, set),
    )
}

/// As in `0-3,7`.
fn cpus(list: &str) -> Result<CpuSet> {
    let mut set = CpuSet::new();
    for number in numbers(list)? {
        set.set(number).with_context(|| format!("{list:?}: there is no processor {number}"))?;
    }
    Ok(set)
}

/// The numbers of a list such as `0-3,7`. See cpuset(7), "List format".
pub fn numbers(list: &str) -> Result<Vec<usize>> {
    const MOST: usize = 1 << 16;
    let mut all = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<usize>().ok().filter(|number| *number < MOST);
        let bounds = number(first).zip(number(last)).filter(|(first, last)| first <= last);
        let (first, last) =
            bounds.with_context(|| format!("{list:?}: expected a list such as 0-3,7"))?;
        all.extend(first..=last);
        ensure!(all.len() <= MOST, "{list:?}: it is too long");
    }
    Ok(all)
}
