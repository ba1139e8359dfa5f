//! Why a limit cannot be had: the kernel does not have its controller, it is not mounted, or it was
//! not given to the caller.

use std::{fs, path::Path};

use crate::{Controller, Hierarchy, Version};

/// Why none of the hierarchies that the caller may use has this controller.
pub fn why_not(controller: &dyn Controller, all: &[Hierarchy]) -> String {
    let Some(one) = home(controller, all) else {
        let known = fs::read_to_string("/proc/cgroups").unwrap_or_default();
        return nowhere(controller.name_in(Version::V1), &known);
    };
    let controller = &controller.name_in(one.version);
    if let Some(top) = one.top() {
        return not_given(controller, &top);
    }
    format!(
        "the {controller} controller is not delegated to the caller: neither {} nor a group above it \
         is writable with its cgroup.procs (systemd delegates one by: systemd-run --user --scope -p Delegate=yes)",
        one.own.as_ref().unwrap_or(&one.mount_point).display()
    )
}

/// The hierarchy that has this controller at its root, whoever may use it.
fn home<'a>(controller: &dyn Controller, all: &'a [Hierarchy]) -> Option<&'a Hierarchy> {
    let v1 = all.iter().find(|one| one.version == Version::V1 && one.lists(controller));
    v1.or_else(|| {
        let mut v2 = all.iter().filter(|one| one.version == Version::V2);
        v2.find(|one| has(&one.mount_point, controller))
    })
}

/// Whether a group of v2 has it.
pub fn has(group: &Path, controller: &dyn Controller) -> bool {
    let name = controller.name_in(Version::V2);
    let listed = fs::read_to_string(group.join("cgroup.controllers")).unwrap_or_default();
    listed.split_whitespace().any(|one| one == name)
}

/// Why a group of v2 that is the caller's does not have it.
fn not_given(controller: &str, group: &Path) -> String {
    let above = group.parent().unwrap_or(group).join("cgroup.subtree_control");
    format!(
        "the group {} is not given the {controller} controller (root gives it by: \
         echo +{controller} > {}; systemd does where a unit has Delegate={controller})",
        group.display(),
        above.display()
    )
}

/// Why no hierarchy that is mounted here has it, from the text of `/proc/cgroups`: lines of name,
/// hierarchy, number of groups, enabled. See cgroups(7).
fn nowhere(controller: &str, known: &str) -> String {
    let line = known.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = line.into_iter().find(|fields| fields.first() == Some(&controller));
    match line.as_deref() {
        Some([_, _, _, "0"]) => format!(
            "this kernel was booted without the {controller} controller \
             (cgroup_disable={controller}; /proc/cgroups says enabled 0)"
        ),
        Some([_, "0", ..]) => {
            format!("no cgroup hierarchy that is mounted here has the {controller} controller")
        }
        Some(_) => format!(
            "the {controller} controller is in a hierarchy of cgroup v1 that is not mounted here \
             (root mounts it by: mount -t cgroup -o {controller} cgroup DIR)"
        ),
        None => format!("this kernel has no {controller} controller (/proc/cgroups lists none)"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const KNOWN: &str = "\
#subsys_name\thierarchy\tnum_cgroups\tenabled
cpuset\t3\t4\t1
cpu\t0\t1\t1
memory\t0\t1\t0
";

    #[rstest]
    #[case(
        "cpuset",
        "the cpuset controller is in a hierarchy of cgroup v1 that is not mounted here"
    )]
    #[case("cpu", "no cgroup hierarchy that is mounted here has the cpu controller")]
    #[case("memory", "this kernel was booted without the memory controller (cgroup_disable=memory")]
    #[case("rdma", "this kernel has no rdma controller (/proc/cgroups lists none)")]
    fn nowhere_to_be_found(#[case] controller: &str, #[case] why: &str) {
        let said = nowhere(controller, KNOWN);
        assert!(said.starts_with(why), "{said}");
    }
}
