//! Other limits of memory for a container that runs.

use std::{thread::sleep, time::Duration};

use anyhow::{Context, Result, ensure};
use conformance::{Run, Running, Sandbox, checkpoint::Test, expect};
use insta::assert_snapshot;
use nix::sys::signal::Signal;
use step06::{Controller, Explain, Files, Memory, Setting, Version};

use super::scene::{files, group_for, step06};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        limits_of_a_live_group_of_v1: [CgroupV1("memory")],
        limits_of_a_live_group_of_v2: [CgroupV2("memory")],
        what_is_refused_in_part_changes_nothing_in_v1: [CgroupV1("memory")],
        what_is_refused_in_part_changes_nothing_in_v2: [CgroupV2("memory")],
        less_than_is_in_use_is_refused_by_v1: [CgroupV1("memory")],
        less_than_is_in_use_kills_in_v2: [CgroupV2("memory")],
        who_is_not_killed_waits_for_a_higher_limit_in_v1: [CgroupV1("memory")],
    }
}

fn explain() -> Explain {
    Explain::new(false)
}

fn limits_of_a_live_group_of_v1(sandbox: &Sandbox) -> Result<()> {
    let files = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"];
    assert_snapshot!(limits_of_a_live_group(sandbox, files)?, @r"
     64m      → 64m 64m
    128m 256m → 128m 256m
     32m  32m → 32m 32m
     48m  64m → 48m 64m
     96m      → 96m 112m
     16m      → 16m 32m
     16m   -1 → 16m all
     80m      → 80m all
          96m → 80m 96m
    ");
    Ok(())
}

fn limits_of_a_live_group_of_v2(sandbox: &Sandbox) -> Result<()> {
    let files = ["memory.max", "memory.swap.max"];
    assert_snapshot!(limits_of_a_live_group(sandbox, files)?, @r"
     64m      → 64m 0m
    128m 256m → 128m 128m
     32m  32m → 32m 0m
     48m  64m → 48m 16m
     96m      → 96m 16m
     16m      → 16m 16m
     16m   -1 → 16m all
     80m      → 80m all
          96m → 80m 16m
    ");
    Ok(())
}

/// What the kernel has in these files after each of some changes, up and down.
fn limits_of_a_live_group(sandbox: &Sandbox, names: [&str; 2]) -> Result<String> {
    let mut group = group_for(sandbox, "live", Box::new(Memory::default()))?;
    let files = group.files(&Memory::default()).context("no files")?.clone();
    let mut told = String::new();
    for (limit, swap) in [
        ("64m", ""),
        ("128m", "256m"),
        ("32m", "32m"),
        ("48m", "64m"),
        ("96m", ""),
        ("16m", ""),
        ("16m", "-1"),
        ("80m", ""),
        ("", "96m"),
    ] {
        let parse = |text: &str| (!text.is_empty()).then(|| text.parse());
        let memory = Memory {
            limit: (!limit.is_empty()).then(|| limit.parse()).transpose()?,
            swap: parse(swap).transpose()?,
            ..Memory::default()
        };
        group.limit(&explain(), &[Box::new(memory)])?;
        let mib = |name| -> Result<String> {
            let bytes = files.number(name)?.filter(|bytes| *bytes < 1 << 40);
            Ok(bytes.map_or("all".into(), |bytes| format!("{}m", bytes >> 20)))
        };
        told += &format!("{limit:>4} {swap:>4} → {} {}\n", mib(names[0])?, mib(names[1])?);
    }
    group.remove(&explain())?;
    Ok(told)
}

/// A controller that asks for what no kernel takes.
struct Nonsense;

impl Controller for Nonsense {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn settings(&self, files: &Files) -> Result<Vec<Setting>> {
        let file = match files.version {
            Version::V1 => "memory.soft_limit_in_bytes",
            Version::V2 => "memory.low",
        };
        Ok(vec![Setting::new("--nonsense", file, "much")])
    }
}

fn what_is_refused_in_part_changes_nothing_in_v1(sandbox: &Sandbox) -> Result<()> {
    what_is_refused_in_part_changes_nothing(sandbox)
}

fn what_is_refused_in_part_changes_nothing_in_v2(sandbox: &Sandbox) -> Result<()> {
    what_is_refused_in_part_changes_nothing(sandbox)
}

fn what_is_refused_in_part_changes_nothing(sandbox: &Sandbox) -> Result<()> {
    let mut group = group_for(sandbox, "refused", Box::new(Memory::default()))?;
    let files = group.files(&Memory::default()).context("no files")?.clone();
    let limited = |limit: &str| -> Result<Box<dyn Controller>> {
        Ok(Box::new(Memory { limit: Some(limit.parse()?), ..Memory::default() }))
    };
    group.limit(&explain(), &[limited("64m")?])?;
    let seen = || -> Result<Vec<_>> {
        let names = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"];
        names
            .iter()
            .chain(&["memory.max", "memory.swap.max"])
            .map(|name| files.read(name))
            .collect()
    };
    let before = seen()?;
    let error = group.limit(&explain(), &[limited("32m")?, Box::new(Nonsense)]);
    let error = format!("{:#}", error.err().context("it was not refused")?);
    let after = seen()?;
    group.remove(&explain())?;
    expect::contains("the refusal", &error, "--nonsense: writing much to /", "write(2)")?;
    expect::equal("the limits", &after, before, "cgroups(7)")
}

/// A container that holds 20 MiB until it is told to end.
fn full(run: Run<'_>) -> Result<Running> {
    let mut container = run.probe(["eat-memory", "20", "20"]).spawn()?;
    ensure!(container.line()? == "ate 20", "it did not eat");
    Ok(container)
}

fn limit_of_one(sandbox: &Sandbox, limit: &str) -> Result<Result<()>> {
    let files = files(sandbox, &Memory::default())?.pop().context("no group")?;
    let memory = Memory { limit: Some(limit.parse()?), ..Memory::default() };
    Ok(memory.limit(&explain(), &files))
}

fn less_than_is_in_use_is_refused_by_v1(sandbox: &Sandbox) -> Result<()> {
    // Nothing is swapped out, should there be swap.
    let flags = ["--init", "--memory", "40m", "--memory-swappiness", "0"];
    let container = full(step06(sandbox).args(flags))?;
    let error = limit_of_one(sandbox, "10m")?.err().context("it was not refused")?;
    let group = files(sandbox, &Memory::default())?.pop().context("no group")?;
    let said = format!("{error:#}").replace(&group.dir.display().to_string(), "GROUP");
    let used = said.split_once(" MiB").and_then(|(head, _)| head.rsplit_once(' '));
    let used = used.context("it does not say how much is in use")?.1;
    let more = used.parse::<f64>()? >= 20.0;
    expect::that("it says how much is in use", more, &said, "cgroups(7)")?;
    assert_snapshot!(said.replacen(used, "N", 1), @"--memory: N MiB are in use, and not enough can be taken back: writing 10485760 to GROUP/memory.limit_in_bytes: Device or resource busy (os error 16)");
    expect::equal(
        "the limit",
        &group.number("memory.limit_in_bytes")?,
        Some(40 << 20),
        "cgroups(7)",
    )?;
    limit_of_one(sandbox, "80m")??;
    limit_of_one(sandbox, "30m")??;
    container.signal(Signal::SIGTERM)?;
    container.wait()?;
    Ok(())
}

fn less_than_is_in_use_kills_in_v2(sandbox: &Sandbox) -> Result<()> {
    let container = full(step06(sandbox).args(["--init", "--memory", "40m"]))?;
    limit_of_one(sandbox, "10m")??;
    let outcome = container.wait()?;
    outcome.code(137)?;
    // While it waits for what the first gives back, the kernel may kill the init as well.
    let said = "cgroup: out of memory (limit 10 MiB): the kernel killed ";
    expect::contains("what was said", &outcome.stderr(), said, "cgroups(7)")
}

fn who_is_not_killed_waits_for_a_higher_limit_in_v1(sandbox: &Sandbox) -> Result<()> {
    let flags = ["--memory", "20m", "--oom-kill-disable"];
    let mut container = step06(sandbox).args(flags).probe(["eat-memory", "30"]).spawn()?;
    let group = || files(sandbox, &Memory::default()).ok()?.pop();
    let under_oom = || group()?.keyed("memory.oom_control", "under_oom").ok()?;
    let mut rounds = 0..1000;
    while under_oom() != Some(1) && rounds.next().is_some() {
        sleep(Duration::from_millis(10));
    }
    expect::equal("whether it waits at the limit", &under_oom(), Some(1), "cgroups(7)")?;
    limit_of_one(sandbox, "60m")??;
    expect::equal("what it says then", &container.line()?, "ate 30", "cgroups(7)")?;
    let outcome = container.wait()?;
    outcome.success()?;
    expect::equal("what is said", &outcome.stderr(), "", "cgroups(7)")
}
