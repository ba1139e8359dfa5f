//! Every controller, with the flags by which something is asked of it.

use std::fmt::Display;

use anyhow::{Result, anyhow};

use crate::{
    Controller, Cpu, CpuAcct, Cpuset, DeviceRule, Devices, HugeTlb, Io, Memory, NetCls, Pids,
    Version,
};

/// What a container is held to. Each controller has its flags in its own file.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
#[command(next_help_heading = "Control group")]
pub struct Limits {
    /// RAM and swap.
    #[command(flatten)]
    pub memory: Memory,

    /// Time on the CPUs.
    #[command(flatten)]
    pub cpu: Cpu,

    /// Which CPUs and memory nodes.
    #[command(flatten)]
    pub cpuset: Cpuset,

    /// How many processes.
    #[command(flatten)]
    pub pids: Pids,

    /// How fast disks are read and written.
    #[command(flatten)]
    pub io: Io,

    /// Huge pages.
    #[command(flatten)]
    pub hugetlb: HugeTlb,

    /// Whose packets they are.
    #[command(flatten)]
    pub net_cls: NetCls,

    /// Let the container use devices beyond null, zero, terminals and the like, as in 'c 10:229 rw'
    #[arg(long, value_name = "RULE")]
    pub device_cgroup_rule: Vec<DeviceRule>,
}

impl Limits {
    /// The same for a container that runs: its devices stay as they are if none are asked for.
    pub fn changes(self) -> Vec<Box<dyn Controller>> {
        let devices = !self.device_cgroup_rule.is_empty();
        let mut all = self.controllers();
        all.retain(|one| devices || one.name() != "devices");
        all
    }

    /// All controllers, in the order in which people read of them.
    pub fn controllers(self) -> Vec<Box<dyn Controller>> {
        vec![
            Box::new(self.memory),
            Box::new(self.cpu),
            Box::new(CpuAcct),
            Box::new(self.cpuset),
            Box::new(self.pids),
            Box::new(self.io),
            Box::new(self.hugetlb),
            Box::new(self.net_cls),
            Box::new(Devices::with(&self.device_cgroup_rule)),
        ]
    }
}

/// The value of a flag that is a switch, which may be left out: `--x` is `--x=true`.
pub(crate) const ON: &str = "BOOL";

/// The parser of a flag's values, whose refusals say which flag and which value it was.
pub(crate) fn flag<T, E: Display>(
    name: &'static str,
    parse: fn(&str) -> Result<T, E>,
) -> impl Fn(&str) -> Result<T> + Clone {
    move |text| parse(text).map_err(|error| anyhow!("cgroup: {name} {text:?}: {error}"))
}

/// The refusal of a setting that the other dialect alone has.
pub(crate) fn only_in(version: Version, flag: &str, file: &str) -> anyhow::Error {
    let (has, here) = match version {
        Version::V1 => ("v1", "v2"),
        Version::V2 => ("v2", "v1"),
    };
    anyhow!("{flag}: cgroup {here} has no such setting (in {has} it is {file})")
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;
    use crate::{
        Usage,
        systemd::{self, Property},
    };

    /// What these flags, with blanks between them, ask for.
    pub fn asked(flags: &str) -> Limits {
        let command = Limits::augment_args(clap::Command::new("test"));
        let words = std::iter::once("test").chain(flags.split_whitespace());
        let matches = command.try_get_matches_from(words).expect(flags);
        Limits::from_arg_matches(&matches).expect(flags)
    }

    /// What a controller has read: `WHAT=VALUE/LIMIT`, in the table's units.
    pub fn told(usage: &[Usage]) -> String {
        let text = |Usage { what, value, limit }: &Usage| {
            let limit = limit.map_or("-".into(), |limit| limit.to_string());
            format!("{what}={value}/{limit}")
        };
        usage.iter().map(text).collect::<Vec<_>>().join(" ")
    }

    /// What systemd is to be asked for: `NAME=NUMBER`.
    pub fn numbers(properties: Vec<Property>) -> String {
        let text = |(name, setting): Property| match setting {
            systemd::Setting::Number(number) => format!("{name}={number}"),
            other => format!("{name}={other:?}"),
        };
        properties.into_iter().map(text).collect::<Vec<_>>().join(" ")
    }
}
