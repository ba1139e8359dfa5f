//! What a controller is: one kind of thing that a group can be held to, and asked about.
//!
//! Each controller is one file of this crate, with both dialects in it side by side.

use std::{borrow::Cow, time::Duration};

use anyhow::Result;
use step05::Explain;

use crate::{Files, Setting, Version, setting, systemd::Property};

/// A controller, together with what was asked of it for one container.
pub trait Controller {
    /// The kernel's name for it, as in `/proc/cgroups` and `cgroup.controllers`.
    fn name(&self) -> &'static str;

    /// Its name in one of the dialects: some were given another in v2.
    fn name_in(&self, _version: Version) -> &'static str {
        self.name()
    }

    /// Whether in v2 it has to be enabled, group by group, from the root down. Others are in every
    /// group of v2 without asking, and `cgroup.controllers` does not list them.
    fn listed(&self) -> bool {
        true
    }

    /// The flag with which a limit was asked for; `None` if there is nothing to be held to.
    fn asked(&self) -> Option<&'static str> {
        None
    }

    /// Refuses what contradicts itself, what this dialect does not have, and what is not on this
    /// machine. Nothing has been made by then.
    fn check(&self, _version: Version) -> Result<()> {
        Ok(())
    }

    /// Gives a new group what it must have before anyone can be in it: the container's group, and
    /// before that those on the way to it.
    fn furnish(&self, _explain: &Explain, _files: &Files) -> Result<()> {
        Ok(())
    }

    /// What is to be written to the files of the container's group, which are as `files` has them
    /// now, in an order in which the kernel takes it. What was not asked for stays as it is.
    fn settings(&self, _files: &Files) -> Result<Vec<Setting>> {
        Ok(Vec::new())
    }

    /// Writes the limits of the container's group: before anyone is in it, and again where other
    /// limits are asked for later. Nothing is written if this kernel does not have all the files.
    fn limit(&self, explain: &Explain, files: &Files) -> Result<()> {
        setting::write_all(explain, files, self)
    }

    /// What the kernel means when it refuses a setting with this error, where that is known.
    fn why(&self, _files: &Files, _setting: &Setting, _errno: i32) -> Option<String> {
        None
    }

    /// The same for systemd: the properties of a unit that stand for the limits, as far as it has
    /// any. They hold the scope around the container's group, whose files are `now` as they are; a
    /// scope that is to come has none.
    fn properties(&self, _now: Option<&Files>) -> Vec<Property> {
        Vec::new()
    }

    /// Reads what the group has used.
    fn usage(&self, _files: &Files) -> Result<Vec<Usage>> {
        Ok(Vec::new())
    }

    /// What is to be told if the container, or a part of it, died of this limit.
    fn cause_of_death(&self, _files: &Files) -> Result<Option<String>> {
        Ok(None)
    }
}

/// One number that a controller knows of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What it counts, in one word, or of which thing it counts it.
    pub what: Cow<'static, str>,
    /// How much it was.
    pub value: Value,
    /// How much it may be; `None` is no limit.
    pub limit: Option<Value>,
}

impl Usage {
    /// A number that has no limit.
    pub fn of(what: impl Into<Cow<'static, str>>, value: Value) -> Self {
        Self { what: what.into(), value, limit: None }
    }

    /// The same with a limit, if there is one.
    pub fn limited(self, limit: Option<Value>) -> Self {
        Self { limit, ..self }
    }
}

/// A number and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Memory.
    Bytes(u64),
    /// Time on a CPU, or time waited.
    Time(Duration),
    /// Things that are, or that happened.
    Count(u64),
    /// Thousandths of a CPU.
    MilliCpus(u64),
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        Cpu, CpuAcct, Cpuset, Memory, Pids,
        Version::{V1, V2},
        files::fake::Fake,
        limits::tests::told,
    };

    fn memory() -> Box<dyn Controller> {
        Box::new(Memory { limit: Some("64m".parse().expect("a size")), ..Memory::default() })
    }

    fn cpu() -> Box<dyn Controller> {
        Box::new(Cpu { cpus: Some("0.5".parse().expect("a number")), ..Cpu::default() })
    }

    fn pids(limit: &str) -> Box<dyn Controller> {
        Box::new(Pids { limit: Some(limit.parse().expect("a number")) })
    }

    /// What is written where. The files are those that the kernel has; `-` marks one that is not
    /// written to.
    #[rstest]
    #[case(V1, memory(), &[("memory.limit_in_bytes", "67108864"), ("memory.max_usage_in_bytes", "-")])]
    #[case(V1, memory(), &[("memory.limit_in_bytes", "67108864"), ("memory.memsw.limit_in_bytes", "67108864")])]
    #[case(V2, memory(), &[("memory.high", "-"), ("memory.max", "67108864")])]
    #[case(V2, memory(), &[("memory.max", "67108864"), ("memory.swap.max", "0")])]
    #[case(V1, Box::new(Memory { swappiness: Some(5), ..Memory::default() }), &[("memory.swappiness", "5")])]
    #[case(V1, cpu(), &[("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "50000")])]
    #[case(V2, cpu(), &[("cpu.max", "50000 100000"), ("cpu.weight", "-")])]
    #[case(V1, pids("20"), &[("pids.max", "20")])]
    #[case(V2, pids("20"), &[("pids.max", "20")])]
    #[case(V2, pids("-1"), &[("pids.max", "-")])]
    #[case(V1, Box::new(CpuAcct), &[("cpuacct.usage", "-")])]
    #[case(V2, Box::new(Memory::default()), &[("memory.max", "-")])]
    #[case(V2, Box::new(Cpu::default()), &[("cpu.max", "-")])]
    #[case(V2, Box::new(Pids::default()), &[("pids.max", "-")])]
    fn limits(
        #[case] version: Version,
        #[case] controller: Box<dyn Controller>,
        #[case] expected: &[(&str, &str)],
    ) {
        // As long as what is written, since these files, unlike the kernel's, keep what follows.
        let blank: Vec<_> = expected.iter().map(|(file, _)| (*file, "-")).collect();
        let fake = Fake::new(version, &blank);
        controller.limit(&Explain::new(false), &fake.0).expect("writing the limit");
        let expected: Vec<_> =
            expected.iter().map(|(file, text)| (file.to_string(), text.to_string())).collect();
        assert_eq!(fake.contents(), expected);
    }

    /// What is read from where: `what=value/limit`, in the table's units.
    #[rstest]
    #[case(
        V1,
        memory(),
        &[
            ("memory.usage_in_bytes", "4096\n"),
            ("memory.max_usage_in_bytes", "8192\n"),
            ("memory.limit_in_bytes", "67108864\n"),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
        ],
        "current=4 KiB/64 MiB peak=8 KiB/64 MiB oom-kills=3/-"
    )]
    #[case(
        V1,
        memory(),
        &[("memory.usage_in_bytes", "0\n"), ("memory.limit_in_bytes", "9223372036854771712\n")],
        "current=0 B/-"
    )]
    #[case(
        V2,
        memory(),
        &[
            ("memory.current", "4096\n"),
            ("memory.max", "max\n"),
            ("memory.events", "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 0\n"),
        ],
        "current=4 KiB/- high=0/- max=9/- oom=1/- oom-kills=1/-"
    )]
    #[case(
        V1,
        cpu(),
        &[
            ("cpu.stat", "nr_periods 20\nnr_throttled 19\nthrottled_time 1500000\n"),
            ("cpu.cfs_quota_us", "50000\n"),
            ("cpu.cfs_period_us", "100000\n"),
        ],
        "periods=20/0.5 CPU throttled=19/- waited=1.5 ms/-"
    )]
    #[case(
        V1,
        cpu(),
        &[
            ("cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n"),
            ("cpu.cfs_quota_us", "-1\n"),
            ("cpu.cfs_period_us", "100000\n"),
        ],
        "periods=0/- throttled=0/- waited=0 us/-"
    )]
    #[case(
        V2,
        cpu(),
        &[
            ("cpu.stat", "usage_usec 7\nnr_periods 20\nnr_throttled 19\nthrottled_usec 1500\n"),
            ("cpu.max", "150000 100000\n"),
        ],
        "periods=20/1.5 CPU throttled=19/- waited=1.5 ms/-"
    )]
    #[case(V2, cpu(), &[("cpu.stat", "nr_periods 1\n"), ("cpu.max", "max 100000\n")], "periods=1/-")]
    #[case(
        V1,
        Box::new(CpuAcct),
        &[("cpuacct.usage", "2000000\n"), ("cpuacct.usage_user", "1500000\n"), ("cpuacct.usage_sys", "500000\n")],
        "usage=2.0 ms/- user=1.5 ms/- system=500 us/-"
    )]
    #[case(
        V2,
        Box::new(CpuAcct),
        &[("cpu.stat", "usage_usec 2000\nuser_usec 1500\nsystem_usec 500\n")],
        "usage=2.0 ms/- user=1.5 ms/- system=500 us/-"
    )]
    #[case(
        V1,
        pids("20"),
        &[("pids.current", "1\n"), ("pids.max", "20\n")],
        "current=1/20"
    )]
    #[case(
        V2,
        pids("20"),
        &[("pids.current", "1\n"), ("pids.peak", "20\n"), ("pids.max", "max\n"), ("pids.events", "max 5\n")],
        "current=1/- peak=20/- refused=5/-"
    )]
    #[case(V1, Box::new(Cpuset::default()), &[("cpuset.cpus", "0-1\n")], "cpus=2/-")]
    #[case(
        V2,
        Box::new(Cpuset::default()),
        &[("cpuset.cpus.effective", "0-3,7\n"), ("cpuset.mems.effective", "0\n")],
        "cpus=5/- mems=1/-"
    )]
    #[case(V1, Box::new(CpuAcct), &[("cpuacct.usage_percpu", "0 1500000 0 7000 \n")], "cpu1=1.5 ms/- cpu3=7 us/-")]
    #[case(V2, memory(), &[], "")]
    fn usage(
        #[case] version: Version,
        #[case] controller: Box<dyn Controller>,
        #[case] files: &[(&str, &str)],
        #[case] expected: &str,
    ) {
        let fake = Fake::new(version, files);
        let usage = controller.usage(&fake.0).expect("reading the usage");
        assert_eq!(told(&usage), expected);
    }

    #[rstest]
    #[case(V1, &[("memory.oom_control", "oom_kill_disable 0\noom_kill 0\n")], None)]
    #[case(
        V1,
        &[("memory.oom_control", "oom_kill 1\n"), ("memory.limit_in_bytes", "67108864\n")],
        Some("out of memory (limit 64 MiB): the kernel killed 1 process")
    )]
    #[case(
        V2,
        &[("memory.events", "oom 2\noom_kill 2\n"), ("memory.max", "524288\n")],
        Some("out of memory (limit 512 KiB): the kernel killed 2 processes")
    )]
    #[case(
        V2,
        &[("memory.events", "oom_kill 1\n"), ("memory.max", "max\n")],
        Some("out of memory (of the host): the kernel killed 1 process")
    )]
    fn out_of_memory(
        #[case] version: Version,
        #[case] files: &[(&str, &str)],
        #[case] expected: Option<&str>,
    ) {
        let fake = Fake::new(version, files);
        let cause = memory().cause_of_death(&fake.0).expect("reading the cause");
        assert_eq!(cause.as_deref(), expected);
    }

    #[test]
    fn an_error_names_the_flag_the_value_and_the_file() {
        let fake = Fake::new(V2, &[("memory.max", "max\n")]);
        std::fs::create_dir(fake.0.path("memory.swap.max")).expect("making a directory");
        let error = memory().limit(&Explain::new(false), &fake.0).expect_err("a directory");
        let path = fake.0.path("memory.swap.max");
        let said =
            format!("--memory: writing 0 to {}: Is a directory (os error 21)", path.display());
        assert_eq!(format!("{error:#}"), said);
    }

    /// And the others are not written then.
    #[test]
    fn what_this_kernel_lacks_is_named() {
        let fake = Fake::new(V1, &[("memory.limit_in_bytes", "9223372036854771712\n")]);
        let swap = Some("80m".parse().expect("a size"));
        let limit = Some("64m".parse().expect("a size"));
        let memory = Memory { limit, swap, ..Memory::default() };
        let error = memory.limit(&Explain::new(false), &fake.0).expect_err("no swap");
        assert_eq!(
            format!("{error:#}"),
            "--memory-swap: the memory controller of this kernel has no memory.memsw.limit_in_bytes"
        );
        assert_eq!(fake.contents()[0].1, "9223372036854771712\n");
    }

    /// A new group of v1 is given what the group above has; one that has something keeps it.
    #[test]
    fn a_cpuset_is_never_empty() {
        let above = Fake::new(V1, &[("cpuset.cpus", "0-3\n"), ("cpuset.mems", "0\n")]);
        let dir = above.0.path("group");
        std::fs::create_dir(&dir).expect("making a directory");
        for (file, text) in [("cpuset.cpus", "\n"), ("cpuset.mems", "1\n")] {
            std::fs::write(dir.join(file), text).expect("making a file");
        }
        for (version, cpus) in [(V2, "\n"), (V1, "0-3")] {
            let files = Files { version, dir: dir.clone() };
            Cpuset::default().furnish(&Explain::new(false), &files).expect("writing the sets");
            assert_eq!(files.read("cpuset.cpus").expect("reading").as_deref(), Some(cpus));
            assert_eq!(files.read("cpuset.mems").expect("reading").as_deref(), Some("1\n"));
        }
    }
}
