//! The cpuacct controller.

use anyhow::{Context, Result};
use conformance::{Outcome, Sandbox, checkpoint::Test, expect};

use super::{cpu::Favoured, scene::step06, stats::seconds};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        cpuacct_of_v1: [CgroupV1("cpuacct"), Other(no_exact_time)],
        cpuacct_of_v2: [CgroupV2("cpu"), Other(no_exact_time)],
        each_cpu_of_v1: [CgroupV1("cpuacct")],
    }
}

/// Where the kernel is a process of another one, its clock goes on while it stands still, and what a
/// program is told to have used is not what it had.
fn no_exact_time() -> Option<String> {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    cpus.contains("User Mode Linux")
        .then(|| "needs a kernel whose clock does not go on while it stands still".into())
}

fn cpuacct_of_v1(sandbox: &Sandbox) -> Result<()> {
    cpuacct(sandbox)
}

fn cpuacct_of_v2(sandbox: &Sandbox) -> Result<()> {
    cpuacct(sandbox)
}

/// What the group is told to have used is what the process says of itself.
fn cpuacct(sandbox: &Sandbox) -> Result<()> {
    // On a busy machine it would have too little time to be counted well.
    let _parent = Favoured::new(sandbox)?;
    // What a process does before it burns anything, it is told as its own in part only.
    let idle = step06(sandbox).arg("--stats").probe(["burn", "0"]).output()?;
    let (own, start) = (Said::of(&idle)?.all, seconds(&idle, "cpuacct", "usage")?);
    for burn in ["burn", "burn-in-kernel"] {
        let burnt = step06(sandbox).arg("--stats").probe([burn, "1"]).output()?;
        let said = Said::of(&burnt)?;
        let (burned, counted) = (said.all - own, seconds(&burnt, "cpuacct", "usage")? - start);
        let agree = (counted - burned).abs() < 0.1;
        expect::that("both count the same", agree, &(burned, counted), "getrusage(2)")?;
        let system = seconds(&burnt, "cpuacct", "system")?;
        // Most kernels look, a few hundred times a second, where the process is.
        let agree = (system - said.system).abs() < said.all / 5.0;
        expect::that("also in the kernel", agree, &(said.system, system), "getrusage(2)")?;
        let user = seconds(&burnt, "cpuacct", "user")?;
        let mostly = system > user;
        let expected = said.system > said.all / 2.0;
        expect::equal("whether most was in the kernel", &mostly, expected, "getrusage(2)")?;
    }
    Ok(())
}

/// Seconds, as the probe has got them from getrusage(2).
struct Said {
    all: f64,
    system: f64,
}

impl Said {
    fn of(burnt: &Outcome) -> Result<Self> {
        let json = burnt.json()?;
        let seconds = |key: &str| Some(json[key].as_f64()? / 1e6);
        let all = seconds("microseconds").zip(seconds("system"));
        all.map(|(all, system)| Self { all, system }).context("no numbers")
    }
}

fn each_cpu_of_v1(sandbox: &Sandbox) -> Result<()> {
    let _parent = Favoured::new(sandbox)?;
    let burnt = step06(sandbox).arg("--stats").probe(["on-cpu", "0", "burn", "1"]).output()?;
    let said = Said::of(&burnt)?.all;
    let counted = seconds(&burnt, "cpuacct", "cpu0")?;
    let agree = (counted - said).abs() < 0.1;
    expect::that("CPU 0 counts the same", agree, &(said, counted), "sched_setaffinity(2)")
}
