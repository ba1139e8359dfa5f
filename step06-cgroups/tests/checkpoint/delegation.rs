//! Groups of an ordinary user: none, or one that root has given away.

use std::{fs, os::unix::fs::chown};

use anyhow::{Context, Result};
use conformance::{checkpoint::Test, expect};
use insta::assert_snapshot;
use step06::Hierarchy;

use super::{
    delegated::{ALL, Delegated, give},
    scene::{STEP06, step06},
};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        without_delegation_limits_are_refused: [UserNamespaces],
        without_delegation_a_container_runs_in_the_callers_group: [UserNamespaces],
        in_a_delegated_group_of_v1_limits_hold: [Root, CgroupV1("memory")],
        in_a_delegated_group_of_v2_limits_hold: [Root, CgroupV2("memory")],
        a_caller_that_is_in_the_way_is_told_of: [Root, CgroupV2("memory")],
        of_some_controllers_those_limits_hold_and_others_are_refused: [Root, CgroupV2("memory")],
        a_group_that_is_delegated_within_another_is_as_good: [Root, CgroupV2("memory")],
        half_a_delegation_is_told_of: [Root, CgroupV2("memory")],
        the_root_of_a_cgroup_namespace_is_delegated:
            [Root, CgroupV2("memory"), UserNamespaces],
        in_a_delegated_group_of_v2_the_container_is_born: [Root, CgroupV2("")],
    }
}

fn without_delegation_limits_are_refused() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let mut said = Vec::new();
        for limit in [["--memory", "64m"], ["--cpus", "1"], ["--pids-limit", "9"]] {
            let line =
                step06(sandbox).args(limit).probe(["exit", "0"]).output()?.error_line(125)?;
            let (head, tail) = line.split_once(": neither ").context("a reason")?;
            let (_, tail) = tail.split_once(" nor ").context("a way out")?;
            said.push(format!("{head}: neither GROUP nor {tail}"));
        }
        assert_snapshot!(said.join("\n"), @r#"
    step06: cgroup: --memory: the memory controller is not delegated to the caller: neither GROUP nor a group above it is writable with its cgroup.procs (systemd delegates one by: systemd-run --user --scope -p Delegate=yes)
    step06: cgroup: --cpus: the cpu controller is not delegated to the caller: neither GROUP nor a group above it is writable with its cgroup.procs (systemd delegates one by: systemd-run --user --scope -p Delegate=yes)
    step06: cgroup: --pids-limit: the pids controller is not delegated to the caller: neither GROUP nor a group above it is writable with its cgroup.procs (systemd delegates one by: systemd-run --user --scope -p Delegate=yes)
    "#);
        Ok(())
    })
}

fn without_delegation_a_container_runs_in_the_callers_group() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let inside = step06(sandbox).report()?;
        let groups = inside["cgroup"].as_array().context("a list")?;
        let roots = groups.iter().all(|one| one.as_str().is_some_and(|one| one.ends_with(":/")));
        expect::that("every group is the root", roots, groups, "cgroup_namespaces(7)")?;
        let run = step06(sandbox).args(["--explain", "--stats", "--pids-limit", "-1"]);
        let said = run.probe(["exit", "0"]).output()?.stderr();
        expect::contains("what is counted", &said, "nothing was counted", "cgroups(7)")?;
        let note = "# no group is delegated to the caller: the container stays in the caller's own";
        expect::contains("what is explained", &said, note, "cgroups(7)")
    })
}

fn in_a_delegated_group_of_v1_limits_hold() -> Result<()> {
    in_a_delegated_group("memory")
}

fn in_a_delegated_group_of_v2_limits_hold() -> Result<()> {
    in_a_delegated_group("memory")
}

const OUT_OF_MEMORY: &str = "cgroup: out of memory (limit 20 MiB): the kernel killed 1 process";

fn in_a_delegated_group(controller: &str) -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let hierarchy = Hierarchy::all()?.into_iter().find(|one| one.has(controller));
        let hierarchy = hierarchy.context("no such controller")?;
        let delegated = Delegated::new(sandbox, &hierarchy, &[controller])?;
        let line =
            delegated.probe(&["--memory", "20m"], &["eat-memory", "100"])?.error_line(137)?;
        expect::equal("what is told", &line, OUT_OF_MEMORY, "cgroups(7)")
    })
}

/// In v2 a group with processes in it cannot have children with limits.
fn a_caller_that_is_in_the_way_is_told_of() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let delegated = Delegated::v2(sandbox, &["memory", "pids"])?;
        let probe = sandbox.probe_path().display().to_string();
        let run = |args: &[&str]| {
            let args = [args, &["--", &probe, "exit", "0"]].concat();
            delegated.step06_in(&delegated.dir, &args)
        };
        let line = delegated.without_names(&run(&["--memory", "20m"])?.error_line(125)?);
        assert_snapshot!(line, @"step06: cgroup: --memory: enabling memory below GROUP: a group of v2 may not have both processes and limited children; move the processes in GROUP/cgroup.procs to a child group first");
        run(&[])?.success()?; // and without a limit it does not matter
        Ok(())
    })
}

/// What a group itself was not given it cannot give on either.
fn of_some_controllers_those_limits_hold_and_others_are_refused() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let delegated = Delegated::v2(sandbox, &["memory"])?;
        let eaten = delegated.probe(&["--memory", "20m"], &["eat-memory", "100"])?;
        expect::equal("what is told", &eaten.error_line(137)?, OUT_OF_MEMORY, "cgroups(7)")?;
        let mut said = String::new();
        for limit in [["--cpus", "1"], ["--pids-limit", "9"]] {
            let line = delegated.probe(&limit, &["exit", "0"])?.error_line(125)?;
            said += &format!("{}\n", delegated.without_names(&line));
        }
        assert_snapshot!(said, @"
        step06: cgroup: --cpus: the group GROUP is not given the cpu controller (root gives it by: echo +cpu > OUTER/cgroup.subtree_control; systemd does where a unit has Delegate=cpu)
        step06: cgroup: --pids-limit: the group GROUP is not given the pids controller (root gives it by: echo +pids > OUTER/cgroup.subtree_control; systemd does where a unit has Delegate=pids)
        ");
        let counted = delegated.probe(&["--stats"], &["exit", "0"])?;
        let counted = counted.success()?.stderr();
        expect::contains("what is counted", &counted, "memory      peak", "cgroups(7)")?;
        expect::that("pids are not", !counted.contains("pids"), &counted, "cgroups(7)")
    })
}

/// Its owner has given a part of it on, to themselves; or root has taken a part back.
fn a_group_that_is_delegated_within_another_is_as_good() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let delegated = Delegated::v2(sandbox, &["memory"])?;
        for (name, given) in [("inner", &ALL[..]), ("taken-back", &[])] {
            let inner = delegated.dir.join(name);
            let leaf = inner.join("caller");
            for dir in [&inner, &leaf] {
                fs::create_dir(dir)?;
                give(dir, given)?;
            }
            let probe = sandbox.probe_path().display().to_string();
            let args = ["--memory", "20m", "--", &probe, "eat-memory", "100"];
            let line = delegated.step06_in(&leaf, &args)?.error_line(137)?;
            expect::equal("what is told", &line, OUT_OF_MEMORY, "cgroups(7)")?;
        }
        Ok(())
    })
}

/// Delegation is the right to write to the directory and to two files in it.
fn half_a_delegation_is_told_of() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let delegated = Delegated::v2(sandbox, &["memory"])?;
        let mut said = String::new();
        for lacking in ["cgroup.subtree_control", "cgroup.procs", ""] {
            chown(delegated.dir.join(lacking), Some(0), Some(0))?;
            let line = delegated.probe(&["--memory", "20m"], &["exit", "0"])?.error_line(125)?;
            said += &format!("{}\n", delegated.without_names(&line));
            delegated.probe(&[], &["exit", "0"])?.success()?; // without a limit it does not matter
            give(&delegated.dir, &[lacking])?;
        }
        assert_snapshot!(said, @"
        step06: cgroup: --memory: writing +memory to GROUP/cgroup.subtree_control: Permission denied (os error 13)
        step06: cgroup: --memory: the memory controller is not delegated to the caller: neither GROUP/caller nor a group above it is writable with its cgroup.procs (systemd delegates one by: systemd-run --user --scope -p Delegate=yes)
        step06: cgroup: --memory: the memory controller is not delegated to the caller: neither GROUP/caller nor a group above it is writable with its cgroup.procs (systemd delegates one by: systemd-run --user --scope -p Delegate=yes)
        ");
        Ok(())
    })
}

/// As in a container: the group that was given is the root of all that is seen. With `nsdelegate`
/// the kernel guards that root as it does one that root has kept.
fn the_root_of_a_cgroup_namespace_is_delegated() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let delegated = Delegated::v2(sandbox, &["memory"])?;
        let enter = "exec unshare --user --map-root-user --mount --cgroup sh -c '
            mount -t cgroup2 cgroup2 /mnt && mkdir /mnt/caller &&
            echo 0 > /mnt/caller/cgroup.procs && exec \"$@\"' sh \"$@\"";
        let probe = sandbox.probe_path().display().to_string();
        let step06 = [STEP06, "--network", "none", "--explain", "--memory", "20m", "--"];
        let command = [&step06[..], &[&probe, "eat-memory", "100"]].concat();
        let outcome = delegated.run_in(&delegated.dir, enter, &command)?;
        let said = outcome.code(137)?.stderr();
        let made = "mkdir --mode=1755 /mnt/layers\n";
        expect::contains("what is explained", &said, made, "cgroup_namespaces(7)")?;
        expect::contains("what is told", &said, OUT_OF_MEMORY, "cgroups(7)")
    })
}

fn in_a_delegated_group_of_v2_the_container_is_born() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let delegated = Delegated::v2(sandbox, &[])?;
        let outcome = delegated.probe(&["--explain"], &["report", "cgroup"])?;
        let inside = outcome.json()?["cgroup"].to_string();
        expect::contains("the group", &inside, "0::/\"", "cgroup_namespaces(7)")?;
        let made = format!("mkdir --mode=1755 {}/layers/", delegated.dir.display());
        expect::contains("what is explained", &outcome.stderr(), &made, "cgroups(7)")?;
        expect::contains("what is explained", &outcome.stderr(), "# clone3 has done it", "clone(2)")
    })
}
