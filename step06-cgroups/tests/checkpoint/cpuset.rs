//! The cpuset controller.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use conformance::{Outcome, Sandbox, checkpoint::Test, expect};
use insta::assert_snapshot;
use nix::sys::signal::Signal;
use step06::{Controller, Cpuset, Explain, Files, Partition};

use super::{
    scene::{files, group_for, step06},
    stats::stat,
};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        cpus_are_those_asked_for_of_v1: [CgroupV1("cpuset"), Other(one_cpu)],
        cpus_are_those_asked_for_of_v2: [CgroupV2("cpuset"), Other(one_cpu)],
        mems_are_those_asked_for_of_v1: [CgroupV1("cpuset")],
        mems_are_those_asked_for_of_v2: [CgroupV2("cpuset")],
        a_live_group_moves_to_other_cpus_of_v1: [CgroupV1("cpuset"), Other(one_cpu)],
        a_live_group_moves_to_other_cpus_of_v2: [CgroupV2("cpuset"), Other(one_cpu)],
        what_the_group_above_does_not_have_of_v1: [CgroupV1("cpuset"), Other(one_cpu)],
        what_the_group_above_does_not_have_of_v2: [CgroupV2("cpuset"), Other(one_cpu)],
        partitions_of_v2: [CgroupV2("cpuset"), Other(one_cpu)],
        what_is_not_online_is_refused_before_anything_is_made_of_v1: [Root, CgroupV1("cpuset")],
        what_is_not_online_is_refused_before_anything_is_made_of_v2: [Root, CgroupV2("cpuset")],
    }
}

/// With one alone there is no other.
fn one_cpu() -> Option<String> {
    let online = fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    (!online.starts_with("0-")).then(|| "needs two CPUs".into())
}

fn any() -> Cpuset {
    // In v2 it is listed where something is asked of it.
    Cpuset { partition: Some(Partition::Member), ..Cpuset::default() }
}

/// The one group of a container.
fn group(sandbox: &Sandbox) -> Result<Files> {
    files(sandbox, &any())?.pop().context("there is no group")
}

fn cpus_are_those_asked_for_of_v1(sandbox: &Sandbox) -> Result<()> {
    cpus_are_those_asked_for(sandbox)
}

fn cpus_are_those_asked_for_of_v2(sandbox: &Sandbox) -> Result<()> {
    cpus_are_those_asked_for(sandbox)
}

fn cpus_are_those_asked_for(sandbox: &Sandbox) -> Result<()> {
    for (cpus, affinity) in [("1", "[1]"), ("0", "[0]"), ("1,0", "[0,1]")] {
        let run = step06(sandbox).args(["--cpuset-cpus", cpus, "--stats"]);
        let run = run.probe(["report", "affinity"]).output()?;
        let seen = run.json()?["affinity"].to_string();
        expect::equal("the affinity", &seen, affinity, "sched_getaffinity(2)")?;
        let count = affinity.split(',').count().to_string();
        expect::equal("how many are told", &stat(&run, "cpuset", "cpus")?, count, "cpuset(7)")?;
    }
    Ok(())
}

fn mems_are_those_asked_for_of_v1(sandbox: &Sandbox) -> Result<()> {
    mems_are_those_asked_for(sandbox)
}

fn mems_are_those_asked_for_of_v2(sandbox: &Sandbox) -> Result<()> {
    mems_are_those_asked_for(sandbox)
}

fn mems_are_those_asked_for(sandbox: &Sandbox) -> Result<()> {
    let run = step06(sandbox).args(["--init", "--cpuset-mems", "0"]).probe(["sleep", "20"]);
    let mut container = run.spawn()?;
    container.line()?;
    let mems = group(sandbox)?.read("cpuset.mems")?;
    container.signal(Signal::SIGTERM)?;
    container.wait()?;
    expect::equal("the nodes", &mems.as_deref(), Some("0\n"), "cpuset(7)")
}

fn a_live_group_moves_to_other_cpus_of_v1(sandbox: &Sandbox) -> Result<()> {
    a_live_group_moves_to_other_cpus(sandbox)
}

fn a_live_group_moves_to_other_cpus_of_v2(sandbox: &Sandbox) -> Result<()> {
    a_live_group_moves_to_other_cpus(sandbox)
}

fn a_live_group_moves_to_other_cpus(sandbox: &Sandbox) -> Result<()> {
    let flags = ["--init", "--cpuset-cpus", "0"];
    let script = ["seq", "wait", "--", "report", "affinity"];
    let mut container = step06(sandbox).args(flags).probe(script).spawn()?;
    container.line()?;
    let other = Cpuset { cpus: Some("1".parse()?), ..Cpuset::default() };
    other.limit(&Explain::new(false), &group(sandbox)?)?;
    container.signal(Signal::SIGUSR1)?;
    let seen = container.line()?;
    container.wait()?;
    expect::equal("the affinity", &seen, r#"{"affinity":[1]}"#, "sched_getaffinity(2)")
}

fn what_the_group_above_does_not_have_of_v1(sandbox: &Sandbox) -> Result<()> {
    let line = what_the_group_above_does_not_have(sandbox)?.error_line(125)?;
    let (said, _) = line.split_once(": writing").context("it does not say what it wrote")?;
    assert_snapshot!(said, @"step06: cgroup: --cpuset-cpus: the group above it has 0");
    Ok(())
}

fn what_the_group_above_does_not_have_of_v2(sandbox: &Sandbox) -> Result<()> {
    let line = what_the_group_above_does_not_have(sandbox)?.error_line(125)?;
    assert_snapshot!(line, @"step06: cgroup: --cpuset-cpus 1: the groups above, or those beside it, leave no 1 to it");
    Ok(())
}

fn what_the_group_above_does_not_have(sandbox: &Sandbox) -> Result<Outcome> {
    let _parent = Parent::new(sandbox, "0")?;
    step06(sandbox).args(["--cpuset-cpus", "1"]).probe(["exit", "0"]).output()
}

/// A group for the container's group, with these CPUs.
struct Parent(PathBuf);

impl Parent {
    fn new(sandbox: &Sandbox, cpus: &str) -> Result<Self> {
        let mut made = group_for(sandbox, "nobody", Box::new(any()))?;
        let dir = made.files(&any()).context("no files")?.above().dir;
        // Now that it has another mode, it is left alone.
        let _ = fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o755));
        made.remove(&Explain::new(false))?;
        let parent = Self(dir);
        fs::write(parent.0.join("cpuset.cpus"), cpus)?;
        Ok(parent)
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

fn partitions_of_v2(sandbox: &Sandbox) -> Result<()> {
    let flags = |kind| ["--init", "--cpuset-cpus", "1", "--cpuset-partition", kind];
    let parent = Parent::new(sandbox, "1")?;
    let partition = "cpuset.cpus.partition";

    // Its CPUs would have to be the group's above it first.
    let refused = step06(sandbox).args(flags("root")).probe(["exit", "0"]).output()?;
    let line = refused.error_line(125)?;
    let said = "step06: cgroup: --cpuset-partition: the kernel says in cpuset.cpus.partition: root invalid (";
    expect::contains("what is said", &line, said, "cgroups(7)")?;

    fs::write(parent.0.join(partition), "root")?;
    for kind in ["root", "isolated", "member"] {
        let mut container = step06(sandbox).args(flags(kind)).probe(["sleep", "20"]).spawn()?;
        container.line()?;
        let seen = group(sandbox)?.read(partition)?.unwrap_or_default();
        // Without the CPU that the partition has taken for itself.
        let others = fs::read_to_string("/proc/self/status")?;
        let others = others.lines().find(|line| line.starts_with("Cpus_allowed_list:"));
        let others = others.unwrap_or_default().to_string();
        container.signal(Signal::SIGTERM)?;
        container.wait()?;
        expect::equal("the partition", &seen.trim(), kind, "cgroups(7)")?;
        expect::equal("what is left to others", &others, "Cpus_allowed_list:\t0", "cgroups(7)")?;
    }
    Ok(())
}

fn what_is_not_online_is_refused_before_anything_is_made_of_v1(sandbox: &Sandbox) -> Result<()> {
    what_is_not_online_is_refused_before_anything_is_made(sandbox)
}

fn what_is_not_online_is_refused_before_anything_is_made_of_v2(sandbox: &Sandbox) -> Result<()> {
    what_is_not_online_is_refused_before_anything_is_made(sandbox)
}

fn what_is_not_online_is_refused_before_anything_is_made(sandbox: &Sandbox) -> Result<()> {
    let online = fs::read_to_string("/sys/devices/system/cpu/online")?;
    let refused = |flags: [&str; 2]| -> Result<String> {
        let run = step06(sandbox).arg("--explain").args(flags).probe(["exit", "0"]).output()?;
        run.code(125)?;
        let text = run.stderr();
        let made = text.lines().find(|line| line.contains("mkdir") && line.contains("cgroup"));
        expect::equal("what was made", &made, None, "cpuset(7)")?;
        let last = text.lines().last().unwrap_or_default();
        Ok(last.replace(online.trim(), "ONLINE").to_string())
    };
    let all = [["--cpuset-cpus", "8191"], ["--cpuset-mems", "1023"]];
    let lines = all.into_iter().map(refused).collect::<Result<Vec<_>>>()?;
    assert_snapshot!(lines.join("\n"), @r"
    step06: cgroup: --cpuset-cpus 8191: this machine has ONLINE, and no 8191
    step06: cgroup: --cpuset-mems 1023: this machine has 0, and no 1023
    ");
    // However many those are.
    refused(["--cpuset-cpus", "0-4294967295"])?;
    Ok(())
}
