//! The memory controller.

use anyhow::{Context, Result};
use conformance::{Outcome, Sandbox, checkpoint::Test, expect};
use insta::assert_snapshot;
use step06::{Memory, Version};

use super::{
    scene::{files, step06},
    seen,
    stats::stat,
    swap::{self, Swap},
};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        memory_of_v1: [CgroupV1("memory")],
        memory_of_v2: [CgroupV2("memory")],
        the_limits_are_in_the_files_of_v1: [Root, CgroupV1("memory")],
        the_limits_are_in_the_files_of_v2: [Root, CgroupV2("memory")],
        the_least_memory_is_enough: [Root],
        limits_hold_in_a_user_namespace: [Root],
        swap_of_v1: [Root, CgroupV1("memory"), Other(swap::missing)],
        swap_of_v2: [Root, CgroupV2("memory"), Other(swap::missing)],
        reservation_of_v1: [CgroupV1("memory")],
        reservation_of_v2: [CgroupV2("memory")],
        swappiness_of_v1: [CgroupV1("memory")],
        min_of_v2: [CgroupV2("memory")],
        high_of_v2_slows_down_and_does_not_kill: [CgroupV2("memory")],
        the_limit_is_counted_each_time_it_is_hit_of_v1: [CgroupV1("memory")],
        the_limit_is_counted_each_time_it_is_hit_of_v2: [CgroupV2("memory")],
        all_are_killed_or_one_of_v2: [CgroupV2("memory")],
    }
}

fn memory_of_v1(sandbox: &Sandbox) -> Result<()> {
    memory(sandbox)
}

fn memory_of_v2(sandbox: &Sandbox) -> Result<()> {
    memory(sandbox)
}

fn memory(sandbox: &Sandbox) -> Result<()> {
    let limited = || step06(sandbox).args(["--memory", "20m"]);
    let probe = sandbox.probe_path().display().to_string();
    // What is read and not needed again counts too, up to the limit, and is given back then.
    let big = sandbox.dir().join("big");
    std::fs::File::create(&big)?.set_len(40 << 20)?;
    let script = format!("cat {} > /dev/null", big.display());
    for command in [&[&*probe, "eat-memory", "10"][..], &["sh", "-c", &script]] {
        let outcome = limited().arg("--").args(command).output()?;
        outcome.success()?;
        let what = "what a container is said to have died of, of which nobody was killed";
        expect::equal(what, &outcome.stderr(), "", "oom_kill in the group's files")?;
    }

    let said = "out of memory (limit 20 MiB): the kernel killed 1 process";
    let told = |outcome: Outcome| {
        let what =
            "what a container is said to have died of, whose limit is 20 MiB and who ate more";
        expect::contains(what, &outcome.stderr(), said, "oom_kill in the group's files")
    };
    let eaten = limited().probe(["eat-memory", "100"]).output()?;
    told(eaten.code(137)?.clone())?;

    // With an init the container's first process is not the one that dies.
    let eaten = limited().arg("--init").probe(["eat-memory", "100"]).output()?;
    told(eaten.code(137)?.clone())?;

    // Where a part of it was killed, the container's own exit code counts.
    let script = format!("{} eat-memory 100; exit 3", sandbox.probe_path().display());
    let line = limited().args(["--", "sh", "-c", &script]).output()?;
    told(line.code(3)?.clone())
}

fn the_limits_are_in_the_files_of_v1(sandbox: &Sandbox) -> Result<()> {
    let files = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"];
    limits_are_in_the_files(
        sandbox,
        files,
        [
            (&["--memory", "20m"], ["20971520", "20971520"]),
            (&["--memory", "20m", "--memory-swap", "30m"], ["20971520", "31457280"]),
            (&["--memory", "20m", "--memory-swap", "-1"], ["20971520", NONE_OF_V1]),
        ],
    )
}

/// What v1 shows for "no limit": all pages that a signed number of bytes can count.
const NONE_OF_V1: &str = "9223372036854771712";

fn the_limits_are_in_the_files_of_v2(sandbox: &Sandbox) -> Result<()> {
    limits_are_in_the_files(
        sandbox,
        ["memory.max", "memory.swap.max"],
        [
            (&["--memory", "20m"], ["20971520", "0"]),
            (&["--memory", "20m", "--memory-swap", "30m"], ["20971520", "10485760"]),
            (&["--memory", "20m", "--memory-swap", "-1"], ["20971520", "max"]),
        ],
    )
}

fn limits_are_in_the_files(
    sandbox: &Sandbox,
    files: [&str; 2],
    cases: [(&[&str], [&str; 2]); 3],
) -> Result<()> {
    for (flags, expected) in cases {
        for (file, expected) in files.into_iter().zip(expected) {
            let run = step06(sandbox).args(flags);
            let seen = seen::setting(run, "memory", file)?;
            let what = format!("{file} of a container with {}", flags.join(" "));
            expect::equal(&what, &seen.as_str(), expected, "the kernel's cgroup documentation")?;
        }
    }
    Ok(())
}

/// The least that one may ask for is enough to start something.
fn the_least_memory_is_enough(sandbox: &Sandbox) -> Result<()> {
    step06(sandbox).args(["--memory", "512k"]).probe(["exit", "0"]).output()?.success()?;
    Ok(())
}

fn limits_hold_in_a_user_namespace(sandbox: &Sandbox) -> Result<()> {
    let mapped = || step06(sandbox).args(["--userns", "0:100000:65536"]);
    let line = mapped().args(["--memory", "20m"]).probe(["eat-memory", "100"]).output()?;
    let line = line.error_line(137)?;
    assert_snapshot!(line, @"cgroup: out of memory (limit 20 MiB): the kernel killed 1 process");
    let bombed = mapped().args(["--pids-limit", "10"]).probe(["fork-bomb", "50"]).output()?;
    assert_snapshot!(bombed.json()?.to_string(), @r#"{"forks":9,"refusal":"EAGAIN"}"#);
    Ok(())
}

fn swap_of_v1(sandbox: &Sandbox) -> Result<()> {
    swap(sandbox)
}

fn swap_of_v2(sandbox: &Sandbox) -> Result<()> {
    swap(sandbox)
}

/// What is more than the limit of RAM is swapped out, as long as there is swap to be had.
fn swap(sandbox: &Sandbox) -> Result<()> {
    let _swap = Swap::new(64 << 20)?;
    let eat = |swap: &[&str], mib| {
        let run = step06(sandbox).args(["--memory", "20m", "--stats"]).args(swap);
        run.probe(["eat-memory", mib]).output()
    };
    let swapped = eat(&["--memory-swap", "40m"], "30")?;
    swapped.success()?;
    let peak: f64 = stat(&swapped, "memory", "peak")?.parse()?;
    expect::that("no more than 20 MiB were RAM", peak <= 20.0, &swapped.stderr(), "cgroups(7)")?;
    eat(&["--memory-swap", "-1"], "50")?.success()?;
    eat(&["--memory-swap", "40m"], "50")?.code(137)?;
    eat(&["--memory-swap", "20m"], "30")?.code(137)?;
    eat(&[], "30")?.code(137)?;
    Ok(())
}

/// The first line of a file of the group of a container with these flags, while it runs.
fn setting(sandbox: &Sandbox, flags: &[&str], of_v1: &str, of_v2: &str) -> Result<String> {
    let run = step06(sandbox).arg("--init").args(flags).probe(["sleep", "20"]);
    let mut container = run.spawn()?;
    container.line()?;
    let files = files(sandbox, &Memory::default())?.pop().context("no group")?;
    let text = files.read(if files.version == Version::V1 { of_v1 } else { of_v2 })?;
    container.signal(nix::sys::signal::Signal::SIGTERM)?;
    container.wait()?;
    Ok(text.unwrap_or_default().lines().next().unwrap_or_default().to_string())
}

fn reservation_of_v1(sandbox: &Sandbox) -> Result<()> {
    reservation(sandbox)
}

fn reservation_of_v2(sandbox: &Sandbox) -> Result<()> {
    reservation(sandbox)
}

fn reservation(sandbox: &Sandbox) -> Result<()> {
    let flags = ["--memory", "64m", "--memory-reservation", "32m"];
    let soft = setting(sandbox, &flags, "memory.soft_limit_in_bytes", "memory.low")?;
    expect::equal("the reservation", &soft, "33554432", "cgroups(7)")?;
    let told = step06(sandbox).args(flags).arg("--stats").probe(["exit", "0"]).output()?;
    expect::equal("what is told", &stat(&told, "memory", "reserved")?, "32", "cgroups(7)")
}

fn swappiness_of_v1(sandbox: &Sandbox) -> Result<()> {
    let set = setting(sandbox, &["--memory-swappiness", "7"], "memory.swappiness", "")?;
    expect::equal("the swappiness", &set, "7", "cgroups(7)")
}

fn min_of_v2(sandbox: &Sandbox) -> Result<()> {
    let set = setting(sandbox, &["--memory-min", "4m"], "", "memory.min")?;
    expect::equal("what is kept", &set, "4194304", "cgroups(7)")
}

fn high_of_v2_slows_down_and_does_not_kill(sandbox: &Sandbox) -> Result<()> {
    let flags = ["--memory", "64m", "--memory-high", "20m", "--stats"];
    let slowed = step06(sandbox).args(flags).probe(["eat-memory", "21"]).output()?;
    slowed.success()?;
    let count = |what| -> Result<u64> { Ok(stat(&slowed, "memory", what)?.parse()?) };
    let (high, kills) = (count("high")?, count("oom-kills")?);
    expect::that("it was slowed down", high > 0, &slowed.stderr(), "cgroups(7)")?;
    expect::equal("how many were killed", &kills, 0, "cgroups(7)")
}

fn the_limit_is_counted_each_time_it_is_hit_of_v1(sandbox: &Sandbox) -> Result<()> {
    the_limit_is_counted_each_time_it_is_hit(sandbox, "failcnt")
}

fn the_limit_is_counted_each_time_it_is_hit_of_v2(sandbox: &Sandbox) -> Result<()> {
    the_limit_is_counted_each_time_it_is_hit(sandbox, "max")
}

fn the_limit_is_counted_each_time_it_is_hit(sandbox: &Sandbox, what: &str) -> Result<()> {
    for (mib, hit) in [("10", false), ("30", true)] {
        let flags = ["--memory", "20m", "--memory-swap", "24m", "--stats"];
        let run = step06(sandbox).args(flags).probe(["eat-memory", mib]).output()?;
        let count: u64 = stat(&run, "memory", what)?.parse()?;
        expect::equal("whether it was hit", &(count > 0), hit, "cgroups(7)")?;
    }
    Ok(())
}

fn all_are_killed_or_one_of_v2(sandbox: &Sandbox) -> Result<()> {
    let eat = format!("{} eat-memory 100; echo still here", sandbox.probe_path().display());
    let run = |flags: &[&str]| {
        let run = step06(sandbox).args(["--init", "--memory", "20m"]).args(flags);
        run.args(["--", "sh", "-c", &eat]).output()
    };
    let one = run(&["--memory-oom-group=false"])?;
    expect::equal("what the shell said", &one.stdout(), "still here\n", "cgroups(7)")?;
    let all = run(&["--memory-oom-group"])?;
    expect::equal("what the shell said", &all.stdout(), "", "cgroups(7)")?;
    // Who comes first may be process 1, without which the others die before they are counted.
    let line = all.error_line(137)?;
    let said = "cgroup: out of memory (limit 20 MiB): the kernel killed ";
    expect::contains("what is said", &line, said, "cgroups(7)")
}
