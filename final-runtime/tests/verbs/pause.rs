//! Containers that stand still, and what can be done with them.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use conformance::{Need::CgroupV1, Sandbox, expect, unprivileged};
use insta::assert_snapshot;
use nix::sys::signal::Signal;

use crate::scene::{remove, run, said, start, verb};

/// Why a container is not frozen by its group of v2 here.
pub fn no_freezer_of_v2() -> Option<String> {
    let v1 = CgroupV1("freezer").missing().is_none();
    v1.then(|| "needs a machine without a freezer in v1".into())
}

pub fn pausing_of_v1(sandbox: &Sandbox) -> Result<()> {
    pausing(sandbox)
}

pub fn pausing_of_v2(sandbox: &Sandbox) -> Result<()> {
    pausing(sandbox)
}

pub fn a_paused_container_ends_in_v1(sandbox: &Sandbox) -> Result<()> {
    a_paused_container_ends(sandbox)
}

pub fn a_paused_container_ends_in_v2(sandbox: &Sandbox) -> Result<()> {
    a_paused_container_ends(sandbox)
}

pub fn a_runtime_killed_while_paused_leaves_nothing_in_v1(sandbox: &Sandbox) -> Result<()> {
    a_runtime_killed_while_paused_leaves_nothing(sandbox)
}

pub fn a_runtime_killed_while_paused_leaves_nothing_in_v2(sandbox: &Sandbox) -> Result<()> {
    a_runtime_killed_while_paused_leaves_nothing(sandbox)
}

/// Says something again and again, and tells of two signals.
const BUSY: [&str; 4] = [
    "base",
    "sh",
    "-c",
    "trap 'exit 5' TERM; trap 'exit 6' USR1; while :; do echo on; sleep 0.01; done",
];

fn goes_on(sandbox: &Sandbox, id: &str) -> Result<()> {
    let before = said(sandbox, &["logs", id])?.len();
    let deadline = Instant::now() + Duration::from_secs(10);
    while said(sandbox, &["logs", id])?.len() == before {
        ensure!(Instant::now() < deadline, "it says nothing any more after {before} bytes");
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn stands_still(sandbox: &Sandbox, id: &str) -> Result<()> {
    sleep(Duration::from_millis(50)); // what it has said its runtime writes down
    let before = said(sandbox, &["logs", id])?.len();
    sleep(Duration::from_millis(300));
    expect::equal("what it has said", &said(sandbox, &["logs", id])?.len(), before, "cgroups(7)")
}

fn pausing(sandbox: &Sandbox) -> Result<()> {
    let (id, _running) = start(sandbox, &[&["--name", "a"][..], &BUSY].concat())?;
    goes_on(sandbox, &id)?;
    said(sandbox, &["pause", "a"])?;
    stands_still(sandbox, &id)?;
    expect::contains("ps", &said(sandbox, &["ps"])?, "(Paused)", "")?;
    let record = verb(sandbox, &["inspect", "a"]).output()?.json()?;
    expect::equal("inspect", &record[0]["condition"], "paused", "")?;

    let mut lines = Vec::new();
    let refused = |args: &[&str]| verb(sandbox, args).output()?.error_line(125);
    lines.push(refused(&["exec", "a", "true"])?);
    lines.push(refused(&["pause", "a"])?);
    lines.push(refused(&["rm", "a"])?);
    let told = verb(sandbox, &["unpause", "--explain", "a"]).output()?.stderr();
    expect::contains("what is explained", &told, "cgroup        echo ", "")?;
    goes_on(sandbox, &id)?;
    expect::that("ps", !said(sandbox, &["ps"])?.contains("Paused"), "it shows it as paused", "")?;
    said(sandbox, &["exec", "a", "true"])?;
    lines.push(refused(&["unpause", "a"])?);
    said(sandbox, &["stop", "a"])?;
    lines.push(refused(&["pause", "a"])?);
    assert_snapshot!(lines.join("\n"), @r#"
    final-runtime: container a is paused: unpause it first
    final-runtime: pause: container a is paused already
    final-runtime: rm: container a runs: stop it first, or use --force
    final-runtime: unpause: container a is not paused
    final-runtime: container a is not running
    "#);
    remove(sandbox, &id)
}

/// By the signal that is sent to it, before it does anything else.
fn a_paused_container_ends(sandbox: &Sandbox) -> Result<()> {
    let ways: [(&[&str], &str); 4] = [
        (&["stop"], "Exited (5)"),
        (&["kill"], "Exited (137)"),
        (&["kill", "--signal", "USR1"], "Exited (6)"),
        (&["rm", "--force"], ""),
    ];
    for (way, end) in ways {
        let (id, _running) = start(sandbox, &BUSY)?;
        goes_on(sandbox, &id)?;
        said(sandbox, &["pause", &id])?;
        let before = said(sandbox, &["logs", &id])?;
        said(sandbox, &[way, &[&id]].concat())?;
        if !end.is_empty() {
            let log = said(sandbox, &["logs", "--follow", &id])?; // until it has ended
            let more = log.len() - before.len();
            ensure!(more <= 2 * "on\n".len(), "after the pause it said {more} bytes more");
            expect::contains("ps", &said(sandbox, &["ps", "-a"])?, end, "signal(7)")?;
        }
        remove(sandbox, &id).or_else(|error| if end.is_empty() { Ok(()) } else { Err(error) })?;
        expect::equal("what is left", &said(sandbox, &["ps", "-aq"])?, "", "")?;
    }
    Ok(())
}

/// The container is killed with it, and dies of it when somebody lets it go on.
fn a_runtime_killed_while_paused_leaves_nothing(sandbox: &Sandbox) -> Result<()> {
    said(sandbox, &["images"])?; // so that what is killed is not the making of base
    for after in [&["rm", "--force", "a"][..], &["ps", "--all"]] {
        let flags = [&["--name", "a"][..], &BUSY].concat();
        let running = run(sandbox, &flags).spawn()?;
        while !said(sandbox, &["ps"])?.contains("Up ") {
            sleep(Duration::from_millis(10));
        }
        said(sandbox, &["pause", "a"])?;
        running.signal(Signal::SIGKILL)?;
        drop(verb(sandbox, after).output()?);
        // A parent group of the test's own is the next run's to clear away, see --cgroup-parent.
        run(sandbox, &["--rm", "base", "/probe", "exit", "0"]).output()?.success()?;
        let list = said(sandbox, &["ps", "--all"])?;
        expect::that("ps", !list.contains("Up "), &list, "")?;
        let _ = verb(sandbox, &["rm", "a"]).output()?;
        running.wait()?;
    }
    Ok(())
}

pub fn without_a_freezer_nobody_is_paused() -> Result<()> {
    unprivileged(|sandbox| {
        let (id, _running) = start(sandbox, &["base", "/probe", "sleep", "60"])?;
        let line = verb(sandbox, &["pause", &id]).output()?.error_line(125)?;
        assert_snapshot!(line.replace(&id, "ID"), @"final-runtime: pause: container ID: it is in no group of its own that can be frozen: a group with the freezer controller of v1, or one of v2 since Linux 5.2, has to be delegated to the caller (systemd delegates one by: systemd-run --user --scope -p Delegate=yes)");
        remove(sandbox, &id)
    })
    .context("as an ordinary user")
}
