//! The memory controller.

use anyhow::Result;
use conformance::{Sandbox, checkpoint::Test, expect};
use insta::assert_snapshot;

use super::scene::step06;

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        memory_of_v1: [CgroupV1("memory")],
        memory_of_v2: [CgroupV2("memory")],
        the_least_memory_is_enough: [Root],
        limits_hold_in_a_user_namespace: [Root],
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
    let outcome = limited().probe(["eat-memory", "10"]).output()?;
    outcome.success()?;
    expect::equal("what was said below the limit", &outcome.stderr(), "", "cgroups(7)")?;

    let line = limited().probe(["eat-memory", "100"]).output()?.error_line(137)?;
    assert_snapshot!(line, @"cgroup: out of memory (limit 20 MiB): the kernel killed 1 process");

    // With an init the container's first process is not the one that dies.
    let line = limited().arg("--init").probe(["eat-memory", "100"]).output()?.error_line(137)?;
    assert_snapshot!(line, @"cgroup: out of memory (limit 20 MiB): the kernel killed 1 process");

    // Where a part of it was killed, the container's own exit code counts.
    let script = format!("{} eat-memory 100; exit 3", sandbox.probe_path().display());
    let line = limited().args(["--", "sh", "-c", &script]).output()?;
    line.code(3)?;
    let said = "out of memory (limit 20 MiB): the kernel killed 1 process";
    expect::contains("what was said", &line.stderr(), said, "cgroups(7)")
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
