//! Groups of an ordinary user: none, or one that root has given away.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use conformance::{Outcome, Sandbox, checkpoint::Test, expect};
use insta::assert_snapshot;
use step06::{Hierarchy, Version};

use super::scene::{STEP06, step06};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        without_delegation_limits_are_refused: [UserNamespaces],
        without_delegation_a_container_runs_in_the_callers_group: [UserNamespaces],
        in_a_delegated_group_of_v1_limits_hold: [Root, CgroupV1("memory")],
        in_a_delegated_group_of_v2_limits_hold: [Root, CgroupV2("memory")],
        a_caller_that_is_in_the_way_is_told_of: [Root, CgroupV2("memory")],
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
    step06: cgroup: --memory: the memory controller is not delegated to the caller: neither GROUP nor a group above it is writable (systemd delegates one by: systemd-run --user --scope -p Delegate=yes)
    step06: cgroup: --cpus: the cpu controller is not delegated to the caller: neither GROUP nor a group above it is writable (systemd delegates one by: systemd-run --user --scope -p Delegate=yes)
    step06: cgroup: --pids-limit: the pids controller is not delegated to the caller: neither GROUP nor a group above it is writable (systemd delegates one by: systemd-run --user --scope -p Delegate=yes)
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

/// A group that root has made and given away.
struct Delegated(PathBuf);

impl Delegated {
    fn new(sandbox: &Sandbox, hierarchy: &Hierarchy) -> Result<Self> {
        let top = hierarchy.top().context("no group may be made")?;
        if hierarchy.has("memory") && hierarchy.version == Version::V2 {
            fs::write(top.join("cgroup.subtree_control"), "+memory +pids -cpu")?;
        }
        let dir = top.join(sandbox.cgroup_parent());
        fs::create_dir(&dir).with_context(|| format!("making {}", dir.display()))?;
        for name in ["", "cgroup.procs", "tasks", "cgroup.subtree_control"] {
            let path = dir.join(name);
            if path.exists() {
                chown(path, Some(1000), Some(1000))?;
            }
        }
        Ok(Self(dir))
    }

    /// Runs step 6 from a group in it. Of v2 that is a leaf, next to which there is room for groups
    /// that have limits.
    fn run(&self, sandbox: &Sandbox, args: &[&str]) -> Result<Outcome> {
        let leaf = self.0.join("caller");
        let _ = fs::create_dir(&leaf);
        let v1 = leaf.join("tasks").exists();
        self.run_in(sandbox, if v1 { &self.0 } else { &leaf }, args)
    }

    fn run_in(&self, sandbox: &Sandbox, dir: &Path, args: &[&str]) -> Result<Outcome> {
        let name = sandbox.cgroup_parent();
        let script = "while ! grep -q $0 /proc/self/cgroup; do sleep 0.05; done; exec \"$@\"";
        let run = sandbox.run("/bin/sh").args(["-c", script, &name, STEP06, "--network", "none"]);
        let running = run.args(args).spawn()?;
        fs::write(dir.join("cgroup.procs"), running.pid().to_string())?;
        running.wait()
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        let remove = |dir: &Path| fs::remove_dir(dir).is_ok() || !dir.exists();
        while !(remove(&self.0.join("caller")) && remove(&self.0)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn in_a_delegated_group_of_v1_limits_hold() -> Result<()> {
    in_a_delegated_group("memory")
}

fn in_a_delegated_group_of_v2_limits_hold() -> Result<()> {
    in_a_delegated_group("memory")
}

fn in_a_delegated_group(controller: &str) -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let hierarchy = Hierarchy::all()?.into_iter().find(|one| one.has(controller));
        let hierarchy = hierarchy.context("no such controller")?;
        let delegated = Delegated::new(sandbox, &hierarchy)?;
        let probe = sandbox.probe_path().display().to_string();
        let args = ["--memory", "20m", "--", &probe, "eat-memory", "100"];
        let line = delegated.run(sandbox, &args)?.error_line(137)?;
        assert_snapshot!(line, @"cgroup: out of memory (limit 20 MiB): the kernel killed 1 process");
        Ok(())
    })
}

/// In v2 a group with processes in it cannot have children with limits.
fn a_caller_that_is_in_the_way_is_told_of() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let hierarchy = Hierarchy::all()?.into_iter().find(|one| one.has("memory"));
        let delegated = Delegated::new(sandbox, &hierarchy.context("no memory")?)?;
        let probe = sandbox.probe_path().display().to_string();
        let run = |args: &[&str]| {
            let args = [args, &["--", &probe, "exit", "0"]].concat();
            delegated.run_in(sandbox, &delegated.0, &args)
        };
        let line = run(&["--memory", "20m"])?.error_line(125)?;
        let line = line.replace(&delegated.0.display().to_string(), "GROUP");
        assert_snapshot!(line, @"step06: cgroup: --memory: enabling memory below GROUP: a group of v2 may not have both processes and limited children; move the processes in GROUP/cgroup.procs to a child group first");
        run(&[])?.success()?; // and without a limit it does not matter

        // What the group itself was not given it cannot give on either.
        let line = run(&["--cpus", "1"])?.error_line(125)?;
        let line = line.replace(&delegated.0.display().to_string(), "GROUP");
        assert_snapshot!(line, @"step06: cgroup: --cpus: the group GROUP is not given the cpu controller (root gives it by: echo +cpu > /sys/fs/cgroup/cgroup.subtree_control; systemd does where a unit has Delegate=cpu)");
        Ok(())
    })
}

fn in_a_delegated_group_of_v2_the_container_is_born() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let hierarchy = Hierarchy::all()?.into_iter().find(|one| one.version == Version::V2);
        let delegated = Delegated::new(sandbox, &hierarchy.context("no cgroup v2")?)?;
        let probe = sandbox.probe_path().display().to_string();
        let outcome = delegated.run(sandbox, &["--explain", "--", &probe, "report", "cgroup"])?;
        let inside = outcome.json()?["cgroup"].to_string();
        expect::contains("the group", &inside, "0::/\"", "cgroup_namespaces(7)")?;
        let made = format!("mkdir --mode=1755 {}/layers/", delegated.0.display());
        expect::contains("what is explained", &outcome.stderr(), &made, "cgroups(7)")?;
        expect::contains("what is explained", &outcome.stderr(), "# clone3 has done it", "clone(2)")
    })
}
