//! What was used, as a table.

use anyhow::{Context, Result};
use conformance::{Outcome, Sandbox, checkpoint::Test, expect};
use insta::assert_snapshot;

use super::scene::step06;

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        the_table_of_v1: [CgroupV1("memory")],
        the_table_of_v2: [CgroupV2("memory")],
        stats_are_what_was_used: [Root],
    }
}

/// The value of one line of the table.
pub fn stat(outcome: &Outcome, controller: &str, what: &str) -> Result<String> {
    Ok(stat_and_unit(outcome, controller, what)?.0)
}

fn stat_and_unit(outcome: &Outcome, controller: &str, what: &str) -> Result<(String, String)> {
    let stderr = outcome.stderr();
    let line = stderr.lines().find(|line| {
        let mut words = line.split_whitespace();
        (words.next(), words.next()) == (Some(controller), Some(what))
    });
    let line = line.with_context(|| format!("no {controller} {what} in {stderr}"))?;
    let mut words = line.split_whitespace().skip(2).map(String::from);
    words.next().zip(words.next()).with_context(|| format!("no value in {line}"))
}

/// A value of the table that is a time.
pub fn seconds(outcome: &Outcome, controller: &str, what: &str) -> Result<f64> {
    let (number, unit) = stat_and_unit(outcome, controller, what)?;
    let number: f64 = number.parse()?;
    Ok(match unit.as_str() {
        "s" => number,
        "ms" => number / 1e3,
        _ => number / 1e6,
    })
}

/// The table, with `…` for the values that differ from run to run.
fn table(outcome: &Outcome) -> String {
    let line = |line: &str| match line.starts_with("CONTROLLER") {
        true => line.to_string(),
        false => format!("{:<23}…  {}", &line[..23], line[34..].trim_start()),
    };
    // The peaks and refusals are new in Linux 5.19, 6.9 and 6.12. Not every kernel counts disks in
    // v1, or knows sets of CPUs. Which CPUs have seen it is told elsewhere.
    let new = [
        "memory      peak",
        "pids        peak",
        "pids        refused",
        "blkio ",
        "io ",
        "perf_event ",
        "cpuacct     cpu",
        "cpuset ",
    ];
    let old = |line: &&str| !new.iter().any(|new| line.starts_with(new));
    outcome.stderr().lines().filter(old).map(line).collect::<Vec<_>>().join("\n")
}

const LIMITS: [&str; 7] = ["--memory", "64m", "--cpus", "1.5", "--pids-limit", "20", "--stats"];

fn eaten(sandbox: &Sandbox) -> Result<Outcome> {
    let eaten = step06(sandbox).args(LIMITS).probe(["eat-memory", "10"]).output()?;
    eaten.success()?;
    Ok(eaten)
}

fn the_table_of_v1(sandbox: &Sandbox) -> Result<()> {
    assert_snapshot!(table(&eaten(sandbox)?), @r#"
    CONTROLLER  COUNTED    VALUE      LIMIT
    memory      current    …  64 MiB
    memory      swap       …  0 B
    memory      failcnt    …  -
    memory      oom-kills  …  -
    cpu         shares     …  -
    cpu         periods    …  1.5 CPU
    cpu         throttled  …  -
    cpu         waited     …  -
    cpuacct     usage      …  -
    cpuacct     user       …  -
    cpuacct     system     …  -
    pids        current    …  20
    "#);
    Ok(())
}

fn the_table_of_v2(sandbox: &Sandbox) -> Result<()> {
    assert_snapshot!(table(&eaten(sandbox)?), @r#"
    CONTROLLER  COUNTED    VALUE      LIMIT
    memory      current    …  64 MiB
    memory      swap       …  0 B
    memory      high       …  -
    memory      max        …  -
    memory      oom        …  -
    memory      oom-kills  …  -
    cpu         weight     …  -
    cpu         periods    …  1.5 CPU
    cpu         throttled  …  -
    cpu         waited     …  -
    cpuacct     usage      …  -
    cpuacct     user       …  -
    cpuacct     system     …  -
    pids        current    …  20
    "#);
    Ok(())
}

fn stats_are_what_was_used(sandbox: &Sandbox) -> Result<()> {
    let eaten = eaten(sandbox)?;
    let peak: f64 = stat(&eaten, "memory", "peak")?.parse()?;
    expect::that("10 MiB were eaten", (10.0..16.0).contains(&peak), &peak, "cgroups(7)")?;

    let bombed = step06(sandbox).args(LIMITS).probe(["fork-bomb", "50"]).output()?;
    if bombed.stderr().contains("pids        peak") {
        expect::equal("the peak", &stat(&bombed, "pids", "peak")?, "20", "cgroups(7)")?;
        expect::equal("the refusals", &stat(&bombed, "pids", "refused")?, "1", "cgroups(7)")?;
    }
    Ok(())
}
