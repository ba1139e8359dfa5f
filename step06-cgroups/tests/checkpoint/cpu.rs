//! The cpu controller.

use std::{
    fs,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use conformance::{Machine, Running, Sandbox, Trees, checkpoint::Test, expect};
use insta::assert_snapshot;
use nix::sys::signal::Signal;
use step06::{Controller, Cpu, CpuAcct, Explain, Files, Hierarchy, Quota, Value, Version};

use super::{
    scene::{files, group_for, step06},
    seen,
    stats::{seconds, stat},
};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        cpus_of_v1: [CgroupV1("cpu")],
        cpus_of_v2: [CgroupV2("cpu")],
        quota_and_period_of_v1: [CgroupV1("cpu")],
        quota_and_period_of_v2: [CgroupV2("cpu")],
        the_quota_is_in_the_files_of_v1: [Root, CgroupV1("cpu")],
        the_quota_is_in_the_files_of_v2: [Root, CgroupV2("cpu")],
        shares_become_a_weight: [Root, CgroupV2(""), Path(Machine::NEEDS)],
        burst_of_v1: [CgroupV1("cpu")],
        burst_of_v2: [CgroupV2("cpu")],
        shares_of_v1: [CgroupV1("cpu")],
        shares_of_v2: [CgroupV2("cpu")],
        weight_of_v2: [CgroupV2("cpu")],
        idle_of_v1: [CgroupV1("cpu")],
        idle_of_v2: [CgroupV2("cpu")],
        bandwidth_of_a_live_group_of_v1: [CgroupV1("cpu")],
        bandwidth_of_a_live_group_of_v2: [CgroupV2("cpu")],
        more_than_the_group_above_has_of_v1: [CgroupV1("cpu")],
    }
}

fn cpus_of_v1(sandbox: &Sandbox) -> Result<()> {
    quota(sandbox, &["--cpus", "0.5"], 0.05)
}

fn cpus_of_v2(sandbox: &Sandbox) -> Result<()> {
    quota(sandbox, &["--cpus", "0.5"], 0.05)
}

fn quota_and_period_of_v1(sandbox: &Sandbox) -> Result<()> {
    quota(sandbox, &["--cpu-quota", "20000", "--cpu-period", "50000"], 0.02)
}

fn quota_and_period_of_v2(sandbox: &Sandbox) -> Result<()> {
    quota(sandbox, &["--cpu-quota", "20000", "--cpu-period", "50000"], 0.02)
}

/// With these flags it gets so many seconds of each period.
fn quota(sandbox: &Sandbox, flags: &[&str], each: f64) -> Result<()> {
    let _parent = Favoured::new(sandbox)?;
    let burn = format!("{} burn 2 &", sandbox.probe_path().display());
    let script = format!("{} wait", burn.repeat(4));
    let outcome = step06(sandbox).args(flags).args(["--stats", "--", "sh", "-c", &script]);
    let outcome = outcome.output()?;
    outcome.success()?;
    let used = seconds(&outcome, "cpuacct", "usage")?;
    let periods: f64 = stat(&outcome, "cpu", "periods")?.parse()?;
    let all = (0.9..1.1).contains(&(used / (periods * each)));
    expect::that("it got its part of each period", all, &outcome.stderr(), "cgroups(7)")?;
    let throttled: f64 = stat(&outcome, "cpu", "throttled")?.parse()?;
    expect::that("it was held back most times", throttled >= 10.0, &throttled, "cgroups(7)")
}

/// Flags, the quota and its period. Without a limit there is no quota.
const QUOTAS: [(&[&str], [&str; 2]); 5] = [
    (&["--cpus", "0.5"], ["50000", "100000"]),
    (&["--cpus", "1.5", "--cpu-period", "20000"], ["30000", "20000"]),
    (&["--cpu-quota", "200000", "--cpu-period", "400000"], ["200000", "400000"]),
    (&["--cpu-quota", "-1", "--cpu-period", "50000"], ["none", "50000"]),
    (&[], ["none", "100000"]),
];

fn the_quota_is_in_the_files_of_v1(sandbox: &Sandbox) -> Result<()> {
    for (flags, expected) in QUOTAS {
        for (file, expected) in ["cpu.cfs_quota_us", "cpu.cfs_period_us"].iter().zip(expected) {
            let seen = seen::setting(step06(sandbox).args(flags), "cpu", file)?;
            let what = format!("{file} of a container with {flags:?}");
            expect::equal(&what, &seen.as_str(), expected.replace("none", "-1"), SCHED_BWC)?;
        }
    }
    Ok(())
}

fn the_quota_is_in_the_files_of_v2(sandbox: &Sandbox) -> Result<()> {
    for (flags, expected) in QUOTAS {
        let seen = seen::setting(step06(sandbox).args(flags), "cpu", "cpu.max")?;
        let what = format!("cpu.max of a container with {flags:?}");
        expect::equal(&what, &seen, expected.join(" ").replace("none", "max"), SCHED_BWC)?;
    }
    Ok(())
}

const SCHED_BWC: &str = "the kernel's scheduler/sched-bwc and admin-guide/cgroup-v2";

/// systemd is told a weight whatever the machine's dialect.
fn shares_become_a_weight(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Hybrid)?;
    for (shares, weight) in [(2, 1), (512, 59), (1024, 100), (4096, 303), (262_144, 10_000)] {
        let run = machine.run(super::scene::STEP06).args(["--network", "none", "--explain"]);
        let outcome =
            run.args(["--cpu-shares", &shares.to_string()]).probe(["exit", "0"]).output()?;
        let said = outcome.success()?.stderr();
        let told = said.split_once("CPUWeight t ").and_then(|(_, rest)| rest.split(' ').next());
        let what = format!("the weight of v2 that stands for {shares} shares of v1");
        let read = "the two numbers that every group has are 1024 and 100";
        expect::equal(&what, &told, Some(weight.to_string().as_str()), read)?;
    }
    Ok(())
}

fn burst_of_v1(sandbox: &Sandbox) -> Result<()> {
    burst(sandbox)
}

fn burst_of_v2(sandbox: &Sandbox) -> Result<()> {
    burst(sandbox)
}

/// What it leaves of some periods it may have in a later one.
fn burst(sandbox: &Sandbox) -> Result<()> {
    let _parent = Favoured::new(sandbox)?;
    let probe = sandbox.probe_path();
    let script =
        format!("for n in 1 2 3 4 5 6; do {0} nap 0.3; {0} burn 0.06; done", probe.display());
    let run = step06(sandbox).args(["--cpus", "0.2", "--cpu-burst", "20000", "--stats"]);
    let outcome = run.args(["--", "sh", "-c", &script]).output()?;
    outcome.success()?;
    let bursts: u64 = stat(&outcome, "cpu", "bursts")?.parse()?;
    expect::that("it had more than its quota", bursts > 0, &outcome.stderr(), "cgroups(7)")?;
    let more = seconds(&outcome, "cpu", "burst")?;
    let most = bursts as f64 * 0.02;
    let some = more > 0.0 && more <= most;
    expect::that("it was as much more as was saved", some, &outcome.stderr(), "cgroups(7)")
}

fn shares_of_v1(sandbox: &Sandbox) -> Result<()> {
    ratio_is(sandbox, ["--cpu-shares=4096", "--cpu-shares=1024"], 4.0)
}

/// 303 and 100.
fn shares_of_v2(sandbox: &Sandbox) -> Result<()> {
    ratio_is(sandbox, ["--cpu-shares=4096", "--cpu-shares=1024"], 3.03)
}

fn weight_of_v2(sandbox: &Sandbox) -> Result<()> {
    ratio_is(sandbox, ["--cpu-weight=500", "--cpu-weight=100"], 5.0)
}

fn ratio_is(sandbox: &Sandbox, flags: [&str; 2], expected: f64) -> Result<()> {
    let ratio = ratio(sandbox, flags)?;
    let good = (0.85..1.15).contains(&(ratio / expected));
    expect::that("the CPU was divided by their weights", good, &(ratio, expected), "cgroups(7)")
}

fn idle_of_v1(sandbox: &Sandbox) -> Result<()> {
    idle(sandbox)
}

fn idle_of_v2(sandbox: &Sandbox) -> Result<()> {
    idle(sandbox)
}

fn idle(sandbox: &Sandbox) -> Result<()> {
    let ratio = ratio(sandbox, ["--cpu-idle=false", "--cpu-idle"])?;
    expect::that("the idle one had next to nothing", ratio > 20.0, &ratio, "cgroups(7)")
}

/// How many times as much time the first of two containers got that want the same CPU.
fn ratio(sandbox: &Sandbox, flags: [&str; 2]) -> Result<f64> {
    let _parent = Favoured::new(sandbox)?;
    let mut busy: Vec<Busy> = Vec::new();
    for flag in flags {
        let next = Busy::new(sandbox, flag, &busy)?;
        busy.push(next);
    }
    // All at once: on a machine of one CPU nobody else gets much more done then.
    busy.iter().try_for_each(|one| one.container.signal(Signal::SIGUSR1))?;
    while used(&busy)?[0] < 0.1 {
        sleep(Duration::from_millis(10));
    }
    sleep(Duration::from_millis(200)); // until the other would have begun too
    let before = used(&busy)?;
    sleep(Duration::from_secs(2));
    let after = used(&busy)?;
    for Busy { container, .. } in busy {
        container.signal(Signal::SIGTERM)?;
        container.wait()?;
    }
    Ok((after[0] - before[0]) / (after[1] - before[1]))
}

/// The seconds that each has had so far, at one moment: this process has to wait for the CPU too.
fn used(busy: &[Busy]) -> Result<Vec<f64>> {
    loop {
        let begun = Instant::now();
        let used = busy.iter().map(Busy::used).collect::<Result<Vec<_>>>()?;
        if begun.elapsed() < Duration::from_millis(10) {
            return Ok(used);
        }
    }
}

/// A container that keeps CPU 0 busy when it is told to.
struct Busy {
    container: Running,
    files: Files,
}

impl Busy {
    /// One more than there are.
    fn new(sandbox: &Sandbox, flag: &str, others: &[Self]) -> Result<Self> {
        let burn = ["seq", "wait", "--", "on-cpu", "0", "burn", "60"];
        let mut container = step06(sandbox).args(["--init", flag]).probe(burn).spawn()?;
        container.line()?;
        let mut all = files(sandbox, &CpuAcct)?;
        all.retain(|files| others.iter().all(|other| other.files.dir != files.dir));
        Ok(Self { container, files: all.pop().context("it is in no group")? })
    }

    /// The seconds that it has had so far.
    fn used(&self) -> Result<f64> {
        let usage = CpuAcct.usage(&self.files)?;
        let all = usage.into_iter().find(|one| one.what == "usage").context("no usage")?;
        match all.value {
            Value::Time(time) => Ok(time.as_secs_f64()),
            other => bail!("{other:?} is no time"),
        }
    }
}

fn bandwidth_of_a_live_group_of_v1(sandbox: &Sandbox) -> Result<()> {
    let names = ["cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.cfs_burst_us", "cpu.shares"];
    assert_snapshot!(bandwidth_of_a_live_group(sandbox, &names)?, @r"
    50000 100000 0 1000
    10000 20000 5000 200
    200000 400000 150000 4000
    5000 50000 0 500
    -1 100000 0 1000
    ");
    Ok(())
}

fn bandwidth_of_a_live_group_of_v2(sandbox: &Sandbox) -> Result<()> {
    let names = ["cpu.max", "cpu.max.burst", "cpu.weight"];
    assert_snapshot!(bandwidth_of_a_live_group(sandbox, &names)?, @r"
    50000 100000 0 99
    10000 20000 5000 29
    200000 400000 150000 297
    5000 50000 0 58
    max 100000 0 99
    ");
    Ok(())
}

/// What the kernel has in these files after each of some changes. The group above has as much as
/// this one is to have in the end, so that not for a moment it may have more.
fn bandwidth_of_a_live_group(sandbox: &Sandbox, names: &[&str]) -> Result<String> {
    let mut group = group_for(sandbox, "live", Box::new(Cpu::default()))?;
    let files = group.files(&Cpu::default()).context("no files")?.clone();
    let above = Cpu { quota: Some(Quota::AtMost(50_000)), ..Cpu::default() };
    above.limit(&Explain::new(false), &files.above())?;
    let mut told = String::new();
    for (quota, period, burst) in [
        (Quota::AtMost(50_000), 100_000, 0),
        (Quota::AtMost(10_000), 20_000, 5_000),
        (Quota::AtMost(200_000), 400_000, 150_000),
        (Quota::AtMost(5_000), 50_000, 0),
        (Quota::Unlimited, 100_000, 0),
    ] {
        let cpu = Cpu {
            quota: Some(quota),
            period: Some(period),
            burst: Some(burst),
            shares: Some(period / 100),
            ..Cpu::default()
        };
        group.limit(&Explain::new(false), &[Box::new(cpu)])?;
        let seen = names.iter().map(|name| files.read(name).map(Option::unwrap_or_default));
        let seen = seen.collect::<Result<Vec<_>>>()?;
        told += &format!("{}\n", seen.iter().map(|text| text.trim()).collect::<Vec<_>>().join(" "));
    }
    group.remove(&Explain::new(false))?;
    Ok(told)
}

fn more_than_the_group_above_has_of_v1(sandbox: &Sandbox) -> Result<()> {
    let parent = Favoured::new(sandbox)?;
    fs::write(parent.0.join("cpu.cfs_quota_us"), "20000")?;
    let refused = step06(sandbox).args(["--cpus", "0.5"]).probe(["exit", "0"]).output()?;
    let line = refused.error_line(125)?;
    let (said, _) = line.split_once(": writing").context("it does not say what it wrote")?;
    assert_snapshot!(said, @"step06: cgroup: --cpus: the group above it has no more than 0.2 CPU");
    step06(sandbox).args(["--cpus", "0.2"]).probe(["exit", "0"]).output()?.success()?;
    Ok(())
}

/// A parent that comes before everybody else on the machine, or on a busy one the limit would not
/// be what holds the container back.
pub struct Favoured(PathBuf);

impl Favoured {
    pub fn new(sandbox: &Sandbox) -> Result<Self> {
        let hierarchy = Hierarchy::all()?.into_iter().find(|one| one.has("cpu"));
        let hierarchy = hierarchy.context("no cpu controller")?;
        let top = hierarchy.top().context("no group may be made")?;
        let dir = top.join(sandbox.cgroup_parent());
        fs::create_dir(&dir)?;
        let parent = Self(dir);
        match hierarchy.version {
            Version::V1 => fs::write(parent.0.join("cpu.shares"), "262144")?,
            Version::V2 => {
                fs::write(top.join("cgroup.subtree_control"), "+cpu")?;
                fs::write(parent.0.join("cpu.weight"), "10000")?;
            }
        }
        Ok(parent)
    }
}

impl Drop for Favoured {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
