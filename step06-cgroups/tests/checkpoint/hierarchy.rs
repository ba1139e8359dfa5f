//! Finding the trees of groups, wherever they are mounted.

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, checkpoint::Test, expect};

use super::{
    scene::{STEP06, step06},
    seen::{groups_of, while_it_runs},
};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        the_container_is_in_a_group_of_every_hierarchy: [Root],
        a_hierarchy_is_found_wherever_it_is_mounted: [Root, CgroupV1("pids")],
        controllers_of_v2_are_given_on_from_the_top_down: [Root, CgroupV2(""), Other(no_limits_of_v2)],
    }
}

fn the_container_is_in_a_group_of_every_hierarchy(sandbox: &Sandbox) -> Result<()> {
    let run = step06(sandbox).arg("--init");
    let group = format!("/{}/", sandbox.cgroup_parent());
    while_it_runs(run, |groups| {
        for one in groups {
            ensure!(
                one.path.contains(&group),
                "in the hierarchy {} the container's first process is in no group of its own\n    \
                 expected: a group in {group}\n    seen:     {}\n    \
                 read on:  cgroups(7), proc_pid_mountinfo(5)",
                one.name(),
                one.path
            );
        }
        Ok(())
    })
}

/// Mounts the hierarchy of `pids` anew, and nothing else, at a place with a blank in its name; runs
/// the rest of the arguments.
const ELSEWHERE: &str = "
    mount --no-mtab --make-r$1 / && umount --no-mtab --lazy --recursive /sys/fs/cgroup &&
    mkdir '/sys/fs/cgroup/a b' 2>&- || mount --no-mtab -t tmpfs tmpfs /sys/fs/cgroup &&
    mkdir -p '/sys/fs/cgroup/a b' && mount --no-mtab -t cgroup -o pids pids '/sys/fs/cgroup/a b' &&
    shift && exec \"$@\"";

/// A shared mount has a field more in its line of mountinfo.
fn a_hierarchy_is_found_wherever_it_is_mounted(sandbox: &Sandbox) -> Result<()> {
    let parent = sandbox.cgroup_parent();
    for propagation in ["private", "shared"] {
        let run = sandbox.run("/usr/bin/unshare").args(["--mount", "sh", "-c", ELSEWHERE, "sh"]);
        let run = run.args([propagation, STEP06, "--network", "none", "--cgroup-parent", &parent]);
        let run = run.args(["--explain", "--pids-limit", "20"]).probe(["exit", "0"]);
        let outcome = run.output()?;
        let said = outcome.stderr();
        let made = format!("'/sys/fs/cgroup/a b/{parent}/");
        ensure!(
            outcome.success().is_ok() && said.contains(&made),
            "no group was made in the hierarchy of pids, which is mounted at '/sys/fs/cgroup/a b', \
             {propagation}\n    expected: mkdir {made}…'\n    seen:     {outcome}\n    \
             read on:  proc_pid_mountinfo(5): the optional fields, and how a blank is written"
        );
    }
    Ok(())
}

/// Limits of v2, with the files where the kernel shows them.
const LIMITS: [(&str, [&str; 2], &str, &str); 2] = [
    ("pids", ["--pids-limit", "20"], "pids.max", "20"),
    ("hugetlb", ["--hugetlb", "2m=4m"], "hugetlb.2MB.max", "4194304"),
];

/// One of which the root of v2 has the controller.
fn limit_of_v2() -> Option<&'static (&'static str, [&'static str; 2], &'static str, &'static str)> {
    let root = groups_of("self").ok()?.into_iter().find(|one| one.hierarchy.is_empty())?;
    let (dir, path) = (root.dir()?, root.path);
    let top = dir.ancestors().nth(path.split('/').filter(|name| !name.is_empty()).count())?;
    let listed = std::fs::read_to_string(top.join("cgroup.controllers")).ok()?;
    LIMITS.iter().find(|(name, ..)| listed.split_whitespace().any(|one| one == *name))
}

fn no_limits_of_v2() -> Option<String> {
    limit_of_v2().is_none().then(|| "needs pids or hugetlb in cgroup v2".into())
}

fn controllers_of_v2_are_given_on_from_the_top_down(sandbox: &Sandbox) -> Result<()> {
    let (controller, flags, file, limit) = limit_of_v2().context("no such controller")?;
    let parent = format!("{}/inner", sandbox.cgroup_parent());
    let limited = || {
        let run = sandbox.run(STEP06).args(["--network", "none", "--cgroup-parent", &parent]);
        run.args(flags)
    };
    let ran = limited().arg("--explain").probe(["exit", "0"]).output()?;
    ensure!(
        ran.success().is_ok(),
        "a container with a limit of v2's {controller} controller does not start\n    \
         expected: +{controller} in cgroup.subtree_control of the highest group, then of each below \
         it, but not of the container's own\n    seen:     {ran}\n    read on:  cgroups(7), \
         \"Cgroups v2 subtree control\""
    );
    while_it_runs(limited().arg("--init"), |groups| {
        let group = groups.iter().find(|one| one.hierarchy.is_empty()).context("no group of v2")?;
        let dir = group.dir().context("it is not mounted")?;
        let read = |file: &str| std::fs::read_to_string(dir.join(file)).unwrap_or_default();
        let what = format!("{file} of the container's group");
        expect::equal(&what, &read(file).trim(), *limit, "cgroups(7)")?;
        let own = read("cgroup.subtree_control");
        let what = "what the container's own group gives on to groups in it";
        expect::equal(what, &own.trim(), "", "cgroups(7), \"no internal processes\"")
    })
}
