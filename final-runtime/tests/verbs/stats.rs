//! What `stats` tells, beside what the kernel counts.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use conformance::{
    Disk,
    Need::{CgroupV1, CgroupV2},
    Sandbox, expect, unprivileged,
};
use nix::unistd::Pid;
use serde_json::Value;
use step07::{Controller, CpuAcct, Files, Group, Memory, Pids, Version};

use crate::scene::{remove, said, start, verb};

pub fn stats_of_v1(sandbox: &Sandbox) -> Result<()> {
    stats(sandbox)
}

pub fn stats_of_v2(sandbox: &Sandbox) -> Result<()> {
    stats(sandbox)
}

/// Neither dialect counts disks here.
pub fn no_io() -> Option<String> {
    CgroupV1("blkio").missing().and_then(|_| CgroupV2("io").missing())
}

fn until(holds: impl Fn() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds()? {
        ensure!(Instant::now() < deadline, "it does not come to that");
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The numbers of one container, for programs.
fn row(sandbox: &Sandbox, name: &str) -> Result<Value> {
    verb(sandbox, &["stats", "--no-stream", "--format", "json", name]).output()?.json()
}

/// The host's number of the container's first process.
fn first_process(sandbox: &Sandbox, name: &str) -> Result<i32> {
    let record = verb(sandbox, &["inspect", name]).output()?.json()?;
    let pid = record[0]["state"]["pid"].as_i64().context("it does not run")?;
    Ok(pid.try_into()?)
}

/// Where the kernel counts what a controller has to do with.
pub fn files(sandbox: &Sandbox, id: &str, controller: &dyn Controller) -> Result<Files> {
    let group = Group::of(id, Pid::from_raw(first_process(sandbox, id)?))?;
    group.files(controller).cloned().context("it is in no such group")
}

fn stats(sandbox: &Sandbox) -> Result<()> {
    // What it has written is in the page cache, and no use of memory that counts.
    let busy = "head -c 8388608 /dev/zero >/file; /probe sleep 60 & /probe burn 60 & wait";
    let flags = ["--name", "a", "-m", "64m", "base", "sh", "-c", busy];
    let (id, _running) = start(sandbox, &flags)?;
    let memory = files(sandbox, &id, &Memory::default())?;
    let pids = files(sandbox, &id, &Pids::default())?;
    until(|| Ok(pids.number("pids.current")? == Some(3)))?;

    let (begin, before) = (Instant::now(), cpu_time(sandbox, &id)?);
    let row = row(sandbox, "a")?;
    let (time, used) = (begin.elapsed(), cpu_time(sandbox, &id)? - before);
    expect::equal("the id", &row["id"], id.as_str(), "")?;
    expect::equal("the processes", &row["pids"], 3, "cgroups(7)")?;
    expect::equal("the limit", &row["memory"]["limit"], 64 << 20, "cgroups(7)")?;

    let (all, idle) = match memory.version {
        Version::V1 => ("memory.usage_in_bytes", "total_inactive_file"),
        Version::V2 => ("memory.current", "inactive_file"),
    };
    let all = memory.number(all)?.context("no such file")?;
    let counted = all - memory.keyed("memory.stat", idle)?.context("no such line")?;
    let told = row["memory"]["used"].as_u64().context("no memory")?;
    let near = told.abs_diff(counted) < 1 << 20;
    expect::that("the memory is what the kernel counts", near, &(told, counted), "cgroups(7)")?;

    // Of a second in between.
    let cpus = row["cpus"].as_f64().context("no time")?;
    let all = used.as_secs_f64();
    let part = all * 1.0 / time.as_secs_f64();
    let near = cpus <= all + 0.05 && (0.5 * part..2.0 * part).contains(&cpus);
    expect::that("it used what the kernel counts", near, &(cpus, all, time), "cgroups(7)")?;

    let table = said(sandbox, &["stats", "--no-stream"])?;
    let heading = "CONTAINER ID NAME CPU % MEM USAGE / LIMIT MEM % NET I/O BLOCK I/O PIDS";
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines = table.lines().map(words);
    expect::equal("the heading", &lines.next().unwrap_or_default(), heading, "")?;
    let line = lines.next().context("no row")?;
    expect::that("the row", line.starts_with(&format!("{id} a ")), &line, "")?;
    expect::that("the row", line.ends_with(" 3") && line.contains("/ 64 MiB"), &line, "")?;

    let detail = said(sandbox, &["stats", "--detail", "a"])?;
    let limit = detail.lines().find(|line| words(line).starts_with("memory current"));
    expect::contains("all that is counted", limit.unwrap_or_default(), "64 MiB", "cgroups(7)")?;
    remove(sandbox, "a")
}

fn cpu_time(sandbox: &Sandbox, id: &str) -> Result<Duration> {
    let files = files(sandbox, id, &CpuAcct)?;
    Ok(match files.version {
        Version::V1 => Duration::from_nanos(files.number("cpuacct.usage")?.context("no time")?),
        Version::V2 => {
            Duration::from_micros(files.keyed("cpu.stat", "usage_usec")?.context("no time")?)
        }
    })
}

pub fn stats_of_disks(sandbox: &Sandbox) -> Result<()> {
    let disk = Disk::new(sandbox, 1 << 20)?;
    let (major, minor) = disk.numbers()?;
    let rule = format!("b {major}:{minor} rwm");
    // In v1 the kernel counts on disks on which somebody is limited.
    let limit = format!("{}:1g", disk.path().display());
    let script = format!(
        "mknod /disk b {major} {minor} && /probe write-direct /disk 64 && /probe read-direct /disk 8
         /probe sleep 60"
    );
    let flags = ["--device-read-bps", &limit, "--device-cgroup-rule", &rule];
    let (id, running) = start(sandbox, &[&flags[..], &["base", "sh", "-c", &script]].concat())?;
    until(|| Ok(said(sandbox, &["logs", &id])?.lines().count() == 3))?;
    let row = row(sandbox, &id)?;
    expect::equal("what was written", &row["disk"]["written"], 1 << 20, "cgroups(7)")?;
    expect::equal("what was read", &row["disk"]["read"], 128 << 10, "cgroups(7)")?;
    let table = said(sandbox, &["stats", "--no-stream"])?;
    expect::contains("the table", &table, "128 KiB / 1 MiB", "")?;
    remove(sandbox, &id)?;
    drop(running);
    Ok(())
}

pub fn stats_of_the_network(sandbox: &Sandbox) -> Result<()> {
    let probe = format!("{}:/probe:ro", sandbox.probe_path().display());
    let send = "/probe udp-send 10.255.255.255:9 0123456789; echo; /probe sleep 60";
    let flags = ["run", "--detach", "--cgroup-parent", &sandbox.cgroup_parent(), "-v", &probe];
    let run = verb(sandbox, &flags).args(["base", "sh", "-c", send]).detaching();
    let (outcome, _running) = run.spawn()?.leave()?;
    let id = outcome.success()?.stdout().trim().to_string();
    until(|| Ok(!said(sandbox, &["logs", &id])?.is_empty()))?;
    let path = format!("/proc/{}/net/dev", first_process(sandbox, &id)?);
    let counted = || -> Result<(u64, u64)> {
        let text = fs::read_to_string(&path)?;
        let line = text.lines().find_map(|line| line.trim().strip_prefix("eth0:"));
        let words: Vec<_> = line.context("no eth0")?.split_whitespace().collect();
        Ok((words[0].parse()?, words[8].parse()?))
    };
    let before = counted()?;
    let row = row(sandbox, &id)?;
    let after = counted()?;
    let number = |name: &str| row["network"][name].as_u64().context("no number");
    for (told, before, after) in
        [(number("received")?, before.0, after.0), (number("sent")?, before.1, after.1)]
    {
        let within = (before..=after).contains(&told);
        expect::that(
            "it is what the kernel counts",
            within,
            &(before, told, after),
            "netdevice(7)",
        )?;
    }
    expect::that("something was sent", after.1 > 0, &after, "netdevice(7)")?;
    remove(sandbox, &id)
}

pub fn stats_follow_a_container_to_its_end(sandbox: &Sandbox) -> Result<()> {
    let (id, _running) = start(sandbox, &["--name", "a", "base", "/probe", "sleep", "60"])?;
    let mut watching = verb(sandbox, &["stats", "--format", "json", "a"]).spawn()?;
    let first: Value = serde_json::from_str(&watching.line()?)?;
    expect::equal("the first look", &first["cpus"], Value::Null, "")?;
    let second: Value = serde_json::from_str(&watching.line()?)?;
    ensure!(second["cpus"].is_number(), "at the second look there is a difference, not {second}");
    said(sandbox, &["kill", "a"])?;
    watching.wait()?.success()?;

    // One that does not run is told of if it is asked for.
    let row = row(sandbox, "a")?;
    expect::equal("its memory", &row["memory"]["used"], 0, "")?;
    expect::equal("its processes", &row["pids"], 0, "")?;
    let lines = |args: &[&str]| -> Result<usize> { Ok(said(sandbox, args)?.lines().count()) };
    expect::equal("all that run", &lines(&["stats", "--no-stream"])?, 1, "")?;
    expect::equal("all that there are", &lines(&["stats", "--no-stream", "--all"])?, 2, "")?;
    let line = verb(sandbox, &["stats", "--detail", "a"]).output()?.error_line(125)?;
    expect::contains("the line", &line, "container a is not running", "")?;
    remove(sandbox, &id)
}

pub fn stats_stay_in_place_on_a_terminal(sandbox: &Sandbox) -> Result<()> {
    let (id, _running) = start(sandbox, &["--name", "a", "base", "/probe", "sleep", "60"])?;
    let mut watching = verb(sandbox, &["stats"]).terminal().spawn()?;
    for _ in 0..2 {
        expect::contains("the heading", &watching.line()?, "\x1b[HCONTAINER ID", "")?;
        expect::contains("the row", &watching.line()?, &id, "")?;
    }
    watching.signal(nix::sys::signal::Signal::SIGINT)?;
    drop(watching);
    remove(sandbox, &id)
}

pub fn what_nobody_counts_is_told() -> Result<()> {
    unprivileged(|sandbox| {
        let (id, _running) = start(sandbox, &["--name", "a", "base", "/probe", "sleep", "60"])?;
        let outcome = verb(sandbox, &["stats", "--no-stream"]).output()?;
        let row = outcome.success()?.stdout();
        let row: Vec<_> = row.lines().nth(1).context("no row")?.split_whitespace().collect();
        expect::equal("the row", &row[1..5], ["a", "-", "-", "-"], "")?;
        let said = "final-runtime: stats: container a has no control group of its own, since none \
                    is delegated to the caller: nobody counts what it uses\n";
        expect::equal("what is said", &outcome.stderr(), said, "cgroups(7)")?;
        let line = verb(sandbox, &["stats", "--detail", "a"]).output()?.error_line(125)?;
        expect::equal("what is said", &line, said.trim_end(), "cgroups(7)")?;
        remove(sandbox, &id)
    })
}
