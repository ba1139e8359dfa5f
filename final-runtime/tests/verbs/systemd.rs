//! Containers whose groups systemd has made, on a machine that it runs.

use std::{
    fs,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use conformance::{Machine, Outcome, Sandbox, Trees, expect};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::scene::{FINAL_RUNTIME, store};

/// A verb on the machine.
fn verb(machine: &Machine, sandbox: &Sandbox, args: &[&str]) -> Result<Outcome> {
    let run = machine.run(FINAL_RUNTIME).arg("--root").arg(store(sandbox));
    run.args(args).limit(Duration::from_secs(60)).output()
}

/// A container in the background, in a group that systemd has made.
fn start(machine: &Machine, sandbox: &Sandbox, name: &str) -> Result<PathBuf> {
    start_with(machine, sandbox, name, &[])
}

fn start_with(
    machine: &Machine,
    sandbox: &Sandbox,
    name: &str,
    limits: &[&str],
) -> Result<PathBuf> {
    let probe = format!("{}:/probe:ro", sandbox.probe_path().display());
    let flags = ["run", "--detach", "--name", name, "--network", "none", "--volume", &probe];
    let how = ["--cgroup-manager", "systemd", "--init", "base", "/probe", "sleep", "60"];
    let started = verb(machine, sandbox, &[&flags[..], limits, &how].concat())?;
    let id = started.success()?.stdout().trim().to_string();
    let scope = machine.scopes().pop().context("there is no scope")?;
    expect::equal(
        "the scope",
        &scope,
        PathBuf::from(format!("system.slice/layers-{id}.scope")),
        "",
    )?;
    Ok(machine.group(scope).join(id))
}

fn until_all_scopes_are_gone(machine: &Machine) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !machine.scopes().is_empty() {
        ensure!(Instant::now() < deadline, "there still is {:?}", machine.scopes());
        sleep(Duration::from_millis(5));
    }
    Ok(())
}

pub fn a_container_lives_in_a_scope_of_systemds(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let group = start(&machine, sandbox, "a")?;
    let file = |name: &str| fs::read_to_string(group.join(name)).unwrap_or_default();
    let others = || file("cgroup.procs").lines().count();
    expect::equal("who is in the group", &others(), 2, "cgroups(7)")?; // init and the probe

    let exec = ["exec", "--detach", "a", "/probe", "sleep", "60"];
    verb(&machine, sandbox, &exec)?.success()?;
    expect::equal("who is in the group now", &others(), 3, "cgroups(7)")?;

    let stats = verb(&machine, sandbox, &["stats", "--detail", "a"])?;
    expect::contains(
        "what it used",
        &stats.success()?.stdout(),
        "cpuacct     usage",
        "cgroups(7)",
    )?;

    verb(&machine, sandbox, &["pause", "a"])?.success()?;
    expect::contains("the group", &file("cgroup.events"), "frozen 1", "cgroups(7)")?;
    verb(&machine, sandbox, &["unpause", "a"])?.success()?;
    expect::contains("the group", &file("cgroup.events"), "frozen 0", "cgroups(7)")?;

    verb(&machine, sandbox, &["stop", "a"])?.success()?;
    expect::equal("the scopes", &machine.scopes(), Vec::<PathBuf>::new(), "systemd.scope(5)")?;
    verb(&machine, sandbox, &["rm", "a"])?.success()?;
    start(&machine, sandbox, "b")?;
    verb(&machine, sandbox, &["rm", "--force", "b"])?.success()?;
    expect::equal("the scopes", &machine.scopes(), Vec::<PathBuf>::new(), "systemd.scope(5)")
}

pub fn a_scope_whose_runtime_is_killed_ends_too(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let group = start(&machine, sandbox, "a")?;
    let first = fs::read_to_string(group.join("cgroup.procs"))?;
    let first = first.lines().next().context("nobody is in the group")?;
    let status = fs::read_to_string(format!("/proc/{first}/status"))?;
    let runtime = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    let runtime = runtime.context("nobody's child")?.trim().parse()?;
    kill(Pid::from_raw(runtime), Signal::SIGKILL)?;
    until_all_scopes_are_gone(&machine)?;
    let list = verb(&machine, sandbox, &["ps", "--all"])?.stdout();
    expect::contains("ps", &list, "Exited (its runtime was killed)", "")?;
    verb(&machine, sandbox, &["rm", "a"])?.success()?;
    start(&machine, sandbox, "a")?;
    verb(&machine, sandbox, &["rm", "--force", "a"])?.success()?;
    Ok(())
}

/// Of version 1 no group may have more than the one above it, which is the scope's.
pub fn other_limits_are_systemds_too(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Hybrid)?;
    let limits = ["--memory=32m", "--pids-limit=20", "--cpus=0.5"];
    let group = start_with(&machine, sandbox, "a", &limits)?;
    let limits = ["--memory=64m", "--pids-limit=30", "--cpus=1"];
    verb(&machine, sandbox, &[&["update"], &limits[..], &["a"]].concat())?.success()?;
    machine.run("systemctl").arg("daemon-reload").output()?.success()?;
    let group = group.strip_prefix(machine.group(""))?.to_owned();
    let scope = group.parent().context("its scope")?.to_owned();
    for (controller, file, own, around) in [
        ("memory", "memory.limit_in_bytes", "67108864", "67108864"),
        ("pids", "pids.max", "30", "31"), // one more is the keeper
        ("cpu", "cpu.cfs_quota_us", "100000", "100000"),
    ] {
        for (dir, limit) in [(&group, own), (&scope, around)] {
            let path = machine.group_v1(controller, dir)?.join(file);
            let found = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            expect::equal(file, &found.trim_end(), limit, "systemd.resource-control(5)")?;
        }
    }
    verb(&machine, sandbox, &["rm", "--force", "a"])?.success()?;
    Ok(())
}
