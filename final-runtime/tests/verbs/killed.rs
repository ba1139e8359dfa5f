//! A runtime that is killed, and many at once. What is left behind, the sandbox looks for.

use std::{thread::sleep, time::Duration};

use anyhow::{Result, ensure};
use conformance::{Sandbox, expect};
use nix::sys::signal::Signal;
use step07::Hierarchy;

use crate::scene::{run, said, store};

/// Starts a container in the foreground and kills its runtime after so many milliseconds.
fn killed(sandbox: &Sandbox, name: &str, after: u64) -> Result<()> {
    let flags = ["--name", name, "base", "/probe", "sleep", "60"];
    let running = run(sandbox, &flags).spawn()?;
    sleep(Duration::from_millis(after));
    running.signal(Signal::SIGKILL)?;
    drop(running);
    Ok(())
}

pub fn a_killed_runtime_leaves_nothing_after_rm(sandbox: &Sandbox) -> Result<()> {
    // So that what is killed is not the making of base.
    run(sandbox, &["--rm", "base", "/probe", "exit", "0"]).output()?.success()?;
    killed(sandbox, "a", 500)?;
    let list = said(sandbox, &["ps", "--all"])?;
    expect::that("ps", !list.contains("Up "), &list, "")?;
    let id = said(sandbox, &["ps", "--all", "--quiet"])?;
    said(sandbox, &["rm", "--force", "a"])?;
    for hierarchy in Hierarchy::all()? {
        let parent = hierarchy.top().map(|top| top.join(sandbox.cgroup_parent()));
        let group = parent.map(|parent| parent.join(id.trim())).filter(|group| group.exists());
        ensure!(group.is_none(), "a group is left: {group:?}");
    }
    // A parent group of the test's own is the next run's to clear away, see --cgroup-parent.
    run(sandbox, &["--rm", "base", "/probe", "exit", "0"]).output()?.success().map(drop)
}

pub fn a_killed_runtime_leaves_nothing_after_the_next_run(sandbox: &Sandbox) -> Result<()> {
    said(sandbox, &["images"])?;
    for (index, after) in [1, 3, 6, 10, 15, 20, 30, 40, 60, 100].into_iter().enumerate() {
        killed(sandbox, &format!("c{index}"), after)?;
    }
    run(sandbox, &["--rm", "base", "/probe", "exit", "0"]).output()?.success()?;
    for id in said(sandbox, &["ps", "--all", "--quiet"])?.lines() {
        said(sandbox, &["rm", id])?;
    }
    for dir in ["containers", "names", "live"] {
        let left = store(sandbox).join(dir).read_dir()?.count();
        ensure!(left == 0, "{left} entries are left in {dir}");
    }
    Ok(())
}

pub fn many_at_once_leave_nothing(sandbox: &Sandbox) -> Result<()> {
    let flags = ["--rm", "base", "/probe", "exit", "7"];
    let limit = Duration::from_secs(60);
    let all: Result<Vec<_>> = (0..30).map(|_| run(sandbox, &flags).limit(limit).spawn()).collect();
    for running in all? {
        running.wait()?.code(7)?;
    }
    expect::equal("what is left", &said(sandbox, &["ps", "-aq"])?, "", "")
}

/// What a driver has, and nobody has written down.
pub fn check_mends_what_is_half_made(sandbox: &Sandbox) -> Result<()> {
    run(sandbox, &["--name", "a", "base", "true"]).output()?.success()?;
    expect::equal("a sound store", &said(sandbox, &["check"])?, "", "")?;
    let driver = store(sandbox).join("storage/overlay/snapshots/half");
    std::fs::create_dir_all(driver.join("upper"))?;
    let mended = "overlay: removed half, of which nothing was written down\n";
    expect::equal("what it mends", &said(sandbox, &["check"])?, mended, "")?;
    expect::that("it is gone", !driver.exists(), &driver, "")?;
    expect::equal("the second time", &said(sandbox, &["check"])?, "", "")?;
    said(sandbox, &["rm", "a"]).map(drop)
}
