//! Other limits for a container that runs.

use anyhow::Result;
use conformance::{Sandbox, expect};
use insta::assert_snapshot;
use step07::{Memory, Pids, Version};

use crate::{
    scene::{remove, said, start, verb},
    stats::files,
};

pub fn update_of_v1(sandbox: &Sandbox) -> Result<()> {
    update(sandbox)
}

pub fn update_of_v2(sandbox: &Sandbox) -> Result<()> {
    update(sandbox)
}

/// What is asked for is so in the kernel, and in the record; what is not stays as it is.
fn update(sandbox: &Sandbox) -> Result<()> {
    let flags = ["--name", "a", "-m", "64m", "--pids-limit", "20", "base", "sleep", "60"];
    let (id, _running) = start(sandbox, &flags)?;
    let memory = files(sandbox, &id, &Memory::default())?;
    let pids = files(sandbox, &id, &Pids::default())?;
    let limit = match memory.version {
        Version::V1 => "memory.limit_in_bytes",
        Version::V2 => "memory.max",
    };
    // Down and up: of memory and swap together, one may never be below the other.
    for (words, bytes) in [("32m", 32 << 20), ("96m", 96 << 20)] {
        expect::equal("it", &said(sandbox, &["update", "--memory", words, "a"])?, "a\n", "")?;
        expect::equal("the limit", &memory.number(limit)?, Some(bytes), "cgroups(7)")?;
        expect::equal("processes", &pids.number("pids.max")?, Some(20), "cgroups(7)")?;
    }
    said(sandbox, &["update", "--pids-limit", "7", "a"])?;
    let bomb = verb(sandbox, &["exec", "a", "/probe", "fork-bomb", "50"]).output()?.json()?;
    // Beside it there is the container's first process, and for a moment one of exec's.
    let few = bomb["forks"].as_u64().is_some_and(|forks| (4..=5).contains(&forks));
    expect::that("a fork bomb stops", few, &bomb, "cgroups(7)")?;
    let limits = verb(sandbox, &["inspect", "a"]).output()?.json()?[0]["config"]["limits"].clone();
    assert_snapshot!(limits.to_string(), @r#"{"memory":["96m"],"pids-limit":["7"]}"#);
    remove(sandbox, "a")
}

pub fn what_cannot_be_updated_is_told_in_one_line(sandbox: &Sandbox) -> Result<()> {
    let (_id, _running) = start(sandbox, &["--name", "a", "base", "sleep", "60"])?;
    let refused =
        |args: &[&str]| verb(sandbox, &[&["update"], args].concat()).output()?.error_line(125);
    assert_snapshot!(refused(&["a"])?, @"final-runtime: update: no limit was given");
    assert_snapshot!(refused(&["-m", "4k", "a"])?, @r#"final-runtime: cgroup: --memory "4k": expected at least 512k, or nothing can start in it"#);
    assert_snapshot!(refused(&["-m", "64m", "x"])?, @"final-runtime: update: container x: store: no such container: x");
    said(sandbox, &["kill", "a"])?;
    while !said(sandbox, &["ps", "--quiet"])?.is_empty() {}
    assert_snapshot!(refused(&["-m", "64m", "a"])?, @"final-runtime: update: container a: container a is not running");
    remove(sandbox, "a")
}

/// Less than is in use.
pub fn what_the_kernel_refuses_is_not_written_down(sandbox: &Sandbox) -> Result<()> {
    let flags = [
        "--name",
        "a",
        "-m",
        "64m",
        "--memory-swap",
        "64m",
        "base",
        "/probe",
        "eat-memory",
        "20",
        "60",
    ];
    let (id, _running) = start(sandbox, &flags)?;
    let memory = files(sandbox, &id, &Memory::default())?;
    while memory.number("memory.usage_in_bytes")?.is_none_or(|used| used < 20 << 20) {}
    let line = verb(sandbox, &["update", "-m", "8m", "a"]).output()?.error_line(125)?;
    expect::contains("what is said", &line, "Device or resource busy", "cgroups(7)")?;
    expect::equal("limit", &memory.number("memory.limit_in_bytes")?, Some(64 << 20), "cgroups(7)")?;
    let record = said(sandbox, &["inspect", "a"])?;
    expect::contains("its record", &record, "\"64m\"", "")?;
    remove(sandbox, "a")
}
