//! The group's life: made, joined, in use, killed, removed.

use std::{fs, path::PathBuf, thread::sleep, time::Duration};

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, checkpoint::Test, expect};
use insta::assert_snapshot;
use nix::sys::signal::Signal;
use step06::{Explain, Version};

use super::{
    scene::{BOTH, groups, own_group, parents, step06},
    seen::groups_of,
};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        the_container_is_born_in_its_group_of_v2: [Root, CgroupV2(""), Other(no_clone_into_cgroup)],
        the_group_is_gone_when_the_container_is: [Root],
        a_killed_runtime_leaves_groups_that_the_next_one_clears: [Root],
        thirty_at_once,
        groups_that_somebody_else_made_stay: [Root],
        groups_that_were_made_in_it_go_with_it: [Root],
        a_process_that_leaves_late_is_waited_for: [Root],
        a_group_that_another_process_holds_is_told_of: [Root],
        a_group_in_use_is_not_cleared_by_another_runtime: [Root],
        a_group_that_is_there_is_not_taken_over: [Root],
        killing_a_group_of_v1_ends_all_who_are_in_it: [Root, CgroupV1("memory")],
        killing_a_group_of_v2_ends_all_who_are_in_it: [Root, CgroupV2("")],
    }
}

/// Who is moved there was outside for a moment, and the move takes milliseconds.
fn the_container_is_born_in_its_group_of_v2(sandbox: &Sandbox) -> Result<()> {
    let outcome = step06(sandbox).arg("--explain").probe(["exit", "0"]).output()?;
    let said = outcome.success()?.stderr();
    let group = format!("/{}/", sandbox.cgroup_parent());
    let v2 = groups_of("self")?.into_iter().find(|one| one.hierarchy.is_empty());
    let top = v2.and_then(|one| one.dir()).context("cgroup v2 is not mounted")?;
    let top = top.display().to_string();
    let joins = said.lines().filter(|line| line.contains(&group) && line.contains("echo 0 >"));
    let joins: Vec<_> = joins.filter(|line| line.contains(top.trim_end_matches('/'))).collect();
    ensure!(
        joins.iter().any(|line| line.ends_with("# clone3 has done it")),
        "the container was not born in its group of cgroup v2, and had to move there\n    \
         expected: echo 0 > …/cgroup.procs  # clone3 has done it\n    seen:     {joins:?}\n    \
         read on:  CLONE_INTO_CGROUP in clone(2): it takes a directory of cgroup v2"
    );
    Ok(())
}

/// It came with Linux 5.7.
fn no_clone_into_cgroup() -> Option<String> {
    let version = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    let old = (numbers.next(), numbers.next()) < (Some(5), Some(7));
    old.then(|| "needs CLONE_INTO_CGROUP".into())
}

fn the_group_is_gone_when_the_container_is(sandbox: &Sandbox) -> Result<()> {
    for (command, code) in [(["exit", "7"], 7), (["signal", "9"], 137)] {
        step06(sandbox).arg("--init").probe(command).output()?.code(code)?;
        let left: Vec<_> = parents(sandbox)?.into_iter().filter(|dir| dir.exists()).collect();
        let what = "what is left of the container's groups, and of those made for it above";
        expect::equal(what, &left, Vec::<PathBuf>::new(), "rmdir(2), cgroups(7)")?;
    }
    // Also if it never came to be.
    step06(sandbox).args(["--", "/no/such/command"]).output()?.code(127)?;
    Ok(())
}

fn a_killed_runtime_leaves_groups_that_the_next_one_clears(sandbox: &Sandbox) -> Result<()> {
    let mut container = step06(sandbox).probe(["sleep", "20"]).spawn()?;
    container.line()?;
    let before = groups(sandbox)?;
    container.signal(Signal::SIGKILL)?;
    container.wait()?;
    expect::equal("what the killed runtime left", &groups(sandbox)?, before, "cgroups(7)")?;
    step06(sandbox).probe(["exit", "0"]).output()?.success()?;
    expect::equal("what is left now", &groups(sandbox)?, Vec::<PathBuf>::new(), "flock(2)")
}

fn thirty_at_once(sandbox: &Sandbox) -> Result<()> {
    let start = |_| step06(sandbox).probe(["exit", "0"]).spawn();
    let containers = (0..30).map(start).collect::<Result<Vec<_>>>()?;
    for container in containers {
        let outcome = container.wait()?;
        outcome.success()?;
        expect::equal("what it said", &outcome.stderr(), String::new(), "cgroups(7)")?;
    }
    Ok(())
}

fn groups_that_somebody_else_made_stay(sandbox: &Sandbox) -> Result<()> {
    let foreign = || Ok::<_, anyhow::Error>(parents(sandbox)?.into_iter().map(|dir| dir.join("x")));
    for dir in foreign()? {
        fs::create_dir_all(dir)?;
    }
    let ran = step06(sandbox).probe(["exit", "0"]).output();
    let there = foreign()?.all(|dir| dir.is_dir());
    let _ = foreign()?.try_for_each(fs::remove_dir);
    let ran_again = step06(sandbox).probe(["exit", "0"]).output();
    let parents_there = parents(sandbox)?.iter().all(|dir| dir.is_dir());
    parents(sandbox)?.into_iter().try_for_each(fs::remove_dir)?;
    ran?.success()?;
    ran_again?.success()?;
    expect::that("the group is still there", there, &sandbox.cgroup_parent(), "mkdir(2)")?;
    expect::that("so is the parent", parents_there, &sandbox.cgroup_parent(), "mkdir(2)")
}

/// Whoever may write there makes groups in a container's group. They go with it.
fn groups_that_were_made_in_it_go_with_it(sandbox: &Sandbox) -> Result<()> {
    let mut container = step06(sandbox).arg("--init").probe(["sleep", "20"]).spawn()?;
    container.line()?;
    for group in groups(sandbox)? {
        fs::create_dir_all(group.join("inner/innermost"))?;
    }
    container.signal(Signal::SIGTERM)?;
    let said = container.wait()?.stderr();
    let left = groups(sandbox)?;
    ensure!(
        left.is_empty() && said.is_empty(),
        "the container has ended, but not all of its groups are removed, in which somebody had made \
         others\n    expected: nothing, and no complaint\n    seen:     {left:?}, {said:?}\n    \
         read on:  rmdir(2), EBUSY"
    );
    Ok(())
}

/// One that is there for a moment longer than the container, as a process that has been killed may
/// be. It is no reason to give up, and one that stays is no reason to wait for ever.
fn a_process_that_leaves_late_is_waited_for(sandbox: &Sandbox) -> Result<()> {
    let mut late = sandbox.probe(["sleep", "20"]).spawn()?;
    late.line()?;
    let run = step06(sandbox).arg("--init").limit(Duration::from_secs(8));
    let mut container = run.probe(["sleep", "20"]).spawn()?;
    container.line()?;
    let group = groups(sandbox)?.remove(0);
    fs::write(group.join("cgroup.procs"), late.pid().to_string())?;
    container.signal(Signal::SIGTERM)?;
    sleep(Duration::from_millis(300));
    late.signal(Signal::SIGKILL)?;
    late.wait()?;
    let said = container.wait()?.stderr();
    let left = groups(sandbox)?;
    ensure!(
        left.is_empty() && said.is_empty(),
        "a process left the group 0.3 seconds after the container had ended, and the group was not \
         removed then\n    expected: the runtime tries again until PATIENCE is over\n    \
         seen:     {left:?}, {said:?}\n    read on:  rmdir(2), EBUSY"
    );
    Ok(())
}

/// Somebody on the host puts a process of their own into the container's group.
fn a_group_that_another_process_holds_is_told_of(sandbox: &Sandbox) -> Result<()> {
    let mut outsider = sandbox.probe(["sleep", "20"]).spawn()?;
    outsider.line()?;
    let run = step06(sandbox).arg("--init").limit(Duration::from_secs(8));
    let mut container = run.probe(["sleep", "20"]).spawn()?;
    container.line()?;
    let group = groups(sandbox)?.remove(0);
    fs::write(group.join("cgroup.procs"), outsider.pid().to_string())?;
    container.signal(Signal::SIGTERM)?;
    let line = container.wait()?.stderr();
    let said = line.replace(&group.display().to_string(), "GROUP");
    let said = said.replace(&outsider.pid().to_string(), "PID");
    assert_snapshot!(said, @"step06: cgroup: still in use by process PID (probe): removing the group GROUP: Device or resource busy (os error 16)");
    // It is not the runtime's to kill. When it has gone, the next run clears the group away.
    outsider.signal(Signal::SIGKILL)?;
    outsider.wait()?;
    step06(sandbox).probe(["exit", "0"]).output()?.success()?;
    Ok(())
}

/// Two runtimes whose run directories are not the same do not know of each other.
fn a_group_in_use_is_not_cleared_by_another_runtime(sandbox: &Sandbox) -> Result<()> {
    let group = own_group(sandbox, "in-use", &BOTH)?;
    let before = groups(sandbox)?;
    step06(sandbox).probe(["exit", "0"]).output()?.success()?;
    expect::equal("the groups", &groups(sandbox)?, before, "flock(2)")?;
    drop(group); // without removing it, as if killed
    step06(sandbox).probe(["exit", "0"]).output()?.success()?;
    expect::equal("what is left now", &groups(sandbox)?, Vec::<PathBuf>::new(), "flock(2)")
}

fn a_group_that_is_there_is_not_taken_over(sandbox: &Sandbox) -> Result<()> {
    let mut group = own_group(sandbox, "mine", &BOTH)?;
    let error = own_group(sandbox, "mine", &BOTH).err().context("the second group was made")?;
    let first = groups(sandbox)?.remove(0);
    let said = format!("{error:#}").replace(&first.display().to_string(), "GROUP");
    group.remove(&Explain::new(false))?;
    assert_snapshot!(said, @"making the group GROUP: File exists (os error 17)");
    Ok(())
}

fn killing_a_group_of_v1_ends_all_who_are_in_it(sandbox: &Sandbox) -> Result<()> {
    killing_a_group(sandbox, Version::V1)
}

fn killing_a_group_of_v2_ends_all_who_are_in_it(sandbox: &Sandbox) -> Result<()> {
    killing_a_group(sandbox, Version::V2)
}

fn killing_a_group(sandbox: &Sandbox, version: Version) -> Result<()> {
    let mut group = own_group(sandbox, "doomed", &[version])?;
    let victims = [(); 3].map(|()| sandbox.probe(["sleep", "20"]).spawn());
    let mut victims = victims.into_iter().collect::<Result<Vec<_>>>()?;
    victims.iter_mut().try_for_each(|victim| victim.line().map(drop))?;
    let mut pids: Vec<_> = victims.iter().map(conformance::Running::pid).collect();
    pids.sort_unstable();
    for (dir, pid) in groups(sandbox)?.iter().flat_map(|dir| pids.iter().map(move |pid| (dir, pid)))
    {
        fs::write(dir.join("cgroup.procs"), pid.to_string())?;
    }
    expect::equal("who is in it", &group.processes(), pids, "cgroups(7)")?;
    group.kill(&Explain::new(false))?;
    expect::equal("who is in it now", &group.processes(), vec![], "cgroups(7)")?;
    for victim in victims {
        let end = victim.wait()?.end;
        expect::equal("how they ended", &end, conformance::End::Signal(9), "signal(7)")?;
    }
    group.remove(&Explain::new(false))
}
