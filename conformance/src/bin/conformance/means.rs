//! What this kernel has of what tests need, and which of the other kernels adds the rest: told
//! before anything runs. What truly ran where, the table tells afterwards.

use std::fmt::{self, Display};

use conformance::Need;

/// Needs of one kind.
type Kind = (&'static str, &'static [One]);

/// A need, what it is called, and the kernels beside this one that meet it.
type One = (&'static str, Need, Elsewhere);

/// Kernels, as `--kernel` names them.
type Elsewhere = &'static [&'static str];

const BOTH: Elsewhere = &["uml", "qemu"];
const QEMU: Elsewhere = &["qemu"];
const NONE: Elsewhere = &[];

use Need::{CgroupV1 as V1, CgroupV2 as V2, DeviceMapper, Filesystem, Root, UserNamespaces};

#[rustfmt::skip]
const KINDS: &[Kind] = &[
    ("rights", &[("root", Root, BOTH), ("user namespaces", UserNamespaces, BOTH)]),
    ("cgroup v1", &[
        ("blkio", V1("blkio"), BOTH), ("cpu", V1("cpu"), BOTH), ("cpuacct", V1("cpuacct"), BOTH),
        ("cpuset", V1("cpuset"), QEMU), ("devices", V1("devices"), BOTH),
        ("freezer", V1("freezer"), BOTH), ("hugetlb", V1("hugetlb"), QEMU),
        ("memory", V1("memory"), BOTH), ("net_cls", V1("net_cls"), BOTH),
        ("net_prio", V1("net_prio"), QEMU), ("perf_event", V1("perf_event"), QEMU),
        ("pids", V1("pids"), BOTH),
    ]),
    ("cgroup v2", &[
        ("cpu", V2("cpu"), BOTH), ("cpuset", V2("cpuset"), QEMU), ("hugetlb", V2("hugetlb"), QEMU),
        ("io", V2("io"), BOTH), ("memory", V2("memory"), BOTH), ("pids", V2("pids"), BOTH),
    ]),
    ("storage", &[
        ("device-mapper", DeviceMapper, BOTH), ("overlay", Filesystem("overlay"), BOTH),
        ("btrfs", Filesystem("btrfs"), BOTH), ("ext4", Filesystem("ext4"), BOTH),
        ("xfs", Filesystem("xfs"), BOTH), ("fuse", Filesystem("fuse"), BOTH),
        ("zfs", Filesystem("zfs"), NONE), ("aufs", Filesystem("aufs"), NONE),
    ]),
];

/// What this kernel, for this user, has and lacks.
pub struct Means {
    has: Vec<(&'static str, Vec<String>)>,
    lacks: Vec<(&'static str, Vec<String>)>,
}

impl Means {
    /// Looks.
    pub fn look() -> Self {
        Self::of(KINDS, |need| need.missing().is_none())
    }

    fn of(kinds: &[Kind], met: impl Fn(Need) -> bool) -> Self {
        let mut means = Self { has: Vec::new(), lacks: Vec::new() };
        for (kind, needs) in kinds {
            let (has, lacks): (Vec<&One>, Vec<&One>) =
                needs.iter().partition(|(_, need, _)| met(*need));
            means.has.push((kind, has.iter().map(|(name, ..)| name.to_string()).collect()));
            let told = |(name, _, elsewhere): &One| match elsewhere {
                [] => format!("{name} (in no kernel here)"),
                some => format!("{name} ({})", some.join(", ")),
            };
            means.lacks.push((kind, lacks.into_iter().map(told).collect()));
        }
        means
    }
}

impl Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "this machine's kernel has, for this user:")?;
        lines(f, &self.has)?;
        writeln!(f, "and lacks (which other kernels add it):")?;
        lines(f, &self.lacks)
    }
}

fn lines(f: &mut fmt::Formatter, kinds: &[(&str, Vec<String>)]) -> fmt::Result {
    for (kind, names) in kinds.iter().filter(|(_, names)| !names.is_empty()) {
        writeln!(f, "  {kind}: {}", names.join(", "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_told_with_who_adds_it() {
        let kinds: &[Kind] =
            &[("cgroup v1", &[("cpu", V1("cpu"), BOTH), ("pids", V1("pids"), QEMU)])];
        let text = |met: fn(Need) -> bool| Means::of(kinds, met).to_string();
        let pids = |need| matches!(need, V1("pids"));
        assert_eq!(
            text(pids),
            "this machine's kernel has, for this user:\n  cgroup v1: pids\n\
             and lacks (which other kernels add it):\n  cgroup v1: cpu (uml, qemu)\n"
        );
    }
}
