//! Counting events in a group.

use anyhow::{Context, Result};
use conformance::{Need::CgroupV1, Sandbox, checkpoint::Test, expect};
use step06::{
    Hierarchy, Version,
    perf::{Counter, Event},
};

use super::{
    scene::step06,
    stats::{seconds, stat},
};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        events_of_v1: [Root, CgroupV1("perf_event"), Other(no_events)],
        events_of_v2: [Root, CgroupV2(""), Other(v1_has_them), Other(no_events)],
        where_nothing_can_be_counted_nothing_is_told: [UserNamespaces],
    }
}

fn v1_has_them() -> Option<String> {
    let v1 = CgroupV1("perf_event").missing().is_none();
    v1.then(|| "needs a machine without perf_event in v1".into())
}

/// Why the kernel counts nothing in groups.
fn no_events() -> Option<String> {
    let counted = || {
        let all = Hierarchy::all()?;
        let v1 = all.iter().find(|one| one.has("perf_event"));
        let one = v1.or(all.iter().find(|one| one.version == Version::V2)).context("no groups")?;
        Counter::of_group(&one.mount_point, Event::CpuClock)?.read().context("reading")
    };
    counted().err().map(|error| format!("needs events of groups to be counted: {error:#}"))
}

fn events_of_v1(sandbox: &Sandbox) -> Result<()> {
    events(sandbox)
}

fn events_of_v2(sandbox: &Sandbox) -> Result<()> {
    events(sandbox)
}

/// What the container does is counted, and what somebody does beside it is not.
fn events(sandbox: &Sandbox) -> Result<()> {
    let probe = sandbox.probe_path().display().to_string();
    let busy = format!("{probe} eat-memory 16 && {probe} burn 1");
    let beside = format!("while :; do {probe} eat-memory 16 >&-; done");
    let outside = sandbox.run("/bin/sh").args(["-c", &beside]).spawn()?;
    let run = step06(sandbox).args(["--stats", "--", "sh", "-c", &busy]);
    let outcome = run.output()?;
    drop(outside);
    outcome.success()?;

    let (clock, used) =
        (seconds(&outcome, "perf_event", "cpu-clock")?, seconds(&outcome, "cpuacct", "usage")?);
    let same = (clock / used - 1.0).abs() < 0.1;
    expect::that("both clocks go alike", same, &(clock, used), "perf_event_open(2)")?;

    // Memory is given in pages of 4 KiB as they are touched.
    let faults: u32 = stat(&outcome, "perf_event", "faults")?.parse()?;
    let own = (4096..8192).contains(&faults);
    expect::that("16 MiB were touched", own, &faults, "perf_event_open(2)")?;
    let switches: u32 = stat(&outcome, "perf_event", "switches")?.parse()?;
    expect::that("a CPU was left now and then", switches > 0, &switches, "perf_event_open(2)")
}

/// An ordinary user's container is in no group of its own.
fn where_nothing_can_be_counted_nothing_is_told() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let outcome = step06(sandbox).arg("--stats").probe(["exit", "0"]).output()?;
        let told = outcome.success()?.stderr();
        expect::that("nothing is told", !told.contains("perf_event"), &told, "")
    })
}
