//! The cpuset controller: on which CPUs and from which memory nodes a group may run.
//!
//! | | v1 | v2 |
//! | --- | --- | --- |
//! | CPUs | `cpuset.cpus` | `cpuset.cpus` |
//! | memory nodes | `cpuset.mems` | `cpuset.mems` |
//! | what it really has | the same | `cpuset.cpus.effective`, `cpuset.mems.effective` |
//! | CPUs for it alone | – | `cpuset.cpus.partition` |
//!
//! In v1 a new group has no CPU at all and nobody can join it (ENOSPC), so it gets what the group
//! above it has; in v2 an empty set means just that, and where nothing is asked of the controller
//! it is not enabled. v1 refuses what the group above does not have; v2 takes it and gives
//! something else, which is refused here. See cpuset(7) and the kernel's admin-guide/cgroup-v2.

use std::{fs, str::FromStr};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use step05::Explain;

use crate::{
    Controller, Files, Set, Setting, Usage, Value, Version,
    limits::{flag, only_in},
    setting,
    systemd::{self, Property},
};

/// The controller, and what was asked for.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Cpuset {
    /// The CPUs that it may run on, as in 0-3,7
    #[arg(
        id = "cpuset-cpus",
        long = "cpuset-cpus",
        value_name = "CPUS",
        value_parser = flag("--cpuset-cpus", Set::from_str),
        allow_hyphen_values = true
    )]
    pub cpus: Option<Set>,

    /// The memory nodes that it may have memory from
    #[arg(
        id = "cpuset-mems",
        long = "cpuset-mems",
        value_name = "NODES",
        value_parser = flag("--cpuset-mems", Set::from_str),
        allow_hyphen_values = true
    )]
    pub mems: Option<Set>,

    /// member: its CPUs are for others too; root: for it alone; isolated: and not balanced (v2)
    #[arg(
        id = "cpuset-partition",
        long = "cpuset-partition",
        value_name = "KIND",
        hide_possible_values = true
    )]
    pub partition: Option<Partition>,
}

/// Whom the CPUs of a group belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Partition {
    /// To the groups above as well
    Member,
    /// To it alone
    Root,
    /// To it alone, and each process stays on the one where it is
    Isolated,
}

impl Partition {
    /// As the kernel calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Root => "root",
            Self::Isolated => "isolated",
        }
    }
}

const PARTITION: &str = "cpuset.cpus.partition";

impl Cpuset {
    /// Each set that was asked for: its flag, its file, and the kernel's list of those that are
    /// there.
    fn sets(&self) -> impl Iterator<Item = (&Set, &'static str, &'static str, &'static str)> {
        let sets = [
            (&self.cpus, "--cpuset-cpus", "cpuset.cpus", "/sys/devices/system/cpu/online"),
            (&self.mems, "--cpuset-mems", "cpuset.mems", "/sys/devices/system/node/has_memory"),
        ];
        sets.into_iter()
            .filter_map(|(set, flag, file, there)| Some((set.as_ref()?, flag, file, there)))
    }

    /// The kernel takes in v2 what it will not give, and says so in other files.
    fn see_that_it_was_given(&self, files: &Files) -> Result<()> {
        for (set, flag, file, _) in self.sets() {
            let effective = files.read(&format!("{file}.effective"))?.unwrap_or_default();
            let given: Set = effective.trim().parse().unwrap_or_default();
            let missing = set.without(&given);
            if !missing.is_empty() {
                bail!(
                    "{flag} {set}: the groups above, or those beside it, leave no {missing} to it"
                );
            }
        }
        let partition = files.read(PARTITION)?.unwrap_or_default();
        if self.partition.is_some_and(|asked| partition.trim() != asked.name()) {
            bail!("--cpuset-partition: the kernel says in {PARTITION}: {}", partition.trim());
        }
        Ok(())
    }
}

impl Controller for Cpuset {
    fn name(&self) -> &'static str {
        "cpuset"
    }

    fn listed(&self) -> bool {
        self.asked().is_some()
    }

    fn asked(&self) -> Option<&'static str> {
        let set = self.sets().map(|(_, flag, ..)| flag).next();
        set.or(self.partition.map(|_| "--cpuset-partition"))
    }

    fn check(&self, version: Version) -> Result<()> {
        if self.partition.is_some() && version == Version::V1 {
            return Err(only_in(Version::V2, "--cpuset-partition", PARTITION));
        }
        for (set, flag, _, there) in self.sets() {
            // A kernel that knows no nodes has one.
            let online = fs::read_to_string(there).unwrap_or("0".into());
            let online: Set = online.trim().parse().with_context(|| format!("reading {there}"))?;
            let missing = set.without(&online);
            if !missing.is_empty() {
                bail!("{flag} {set}: this machine has {online}, and no {missing}");
            }
        }
        Ok(())
    }

    fn furnish(&self, explain: &Explain, files: &Files) -> Result<()> {
        if files.version == Version::V2 {
            return Ok(());
        }
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let set = |files: &Files| files.read(file).map(Option::unwrap_or_default);
            if set(files)?.trim().is_empty() {
                files.write(explain, file, set(&files.above())?.trim())?;
            }
        }
        Ok(())
    }

    fn settings(&self, _files: &Files) -> Result<Vec<Setting>> {
        let sets = self.sets().map(|(set, flag, file, _)| Setting::new(flag, file, set));
        let kind = self.partition.map(Partition::name);
        let kind = kind.map(|kind| Setting::new("--cpuset-partition", PARTITION, kind));
        Ok(sets.chain(kind).collect())
    }

    fn limit(&self, explain: &Explain, files: &Files) -> Result<()> {
        setting::write_all(explain, files, self)?;
        match files.version {
            Version::V1 => Ok(()),
            Version::V2 => self.see_that_it_was_given(files),
        }
    }

    /// EACCES is what cpuset(7) tells of one that has more than the group above.
    fn why(&self, files: &Files, setting: &Setting, errno: i32) -> Option<String> {
        let above = files.above().read(&setting.file).ok().flatten()?;
        let why = || format!("the group above it has {}", above.trim());
        (errno == libc::EACCES && files.version == Version::V1).then(why)
    }

    fn properties(&self, _now: Option<&Files>) -> Vec<Property> {
        let properties = [("AllowedCPUs", &self.cpus), ("AllowedMemoryNodes", &self.mems)];
        let asked =
            properties.into_iter().filter_map(|(name, set)| Some((name, set.as_ref()?.mask()?)));
        asked.map(|(name, mask)| (name.into(), systemd::Setting::Bytes(mask))).collect()
    }

    fn usage(&self, files: &Files) -> Result<Vec<Usage>> {
        let mut usage = Vec::new();
        for (what, of_v1, of_v2) in [
            ("cpus", "cpuset.cpus", "cpuset.cpus.effective"),
            ("mems", "cpuset.mems", "cpuset.mems.effective"),
        ] {
            let file = if files.version == Version::V1 { of_v1 } else { of_v2 };
            let set = files.read(file)?.and_then(|text| text.trim().parse::<Set>().ok());
            usage.extend(set.map(|set| Usage::of(what, Value::Count(set.len()))));
        }
        Ok(usage)
    }
}

#[cfg(test)]
mod tests;
