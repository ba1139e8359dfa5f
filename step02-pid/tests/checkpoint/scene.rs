//! What the tests share: the program with an init and without, and where to read on.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use conformance::{Run, Running, Sandbox};
use nix::unistd::Pid;
use serde_json::Value;

pub const PID: &str = "pid_namespaces(7)";
pub const INIT: &str = "pid_namespaces(7), \"The namespace init process\"; step02-pid/src/init.rs";

/// How long a command may take that ends as soon as a signal reaches it.
pub const LIMIT: Duration = Duration::from_secs(5);

pub fn step02(sandbox: &Sandbox) -> Run<'_> {
    sandbox.run(env!("CARGO_BIN_EXE_step02"))
}

/// Once for the command as process 1, once with an init there.
pub fn both<'a>(sandbox: &'a Sandbox) -> [(&'static str, Run<'a>); 2] {
    [("without --init", step02(sandbox)), ("with --init", step02(sandbox).arg("--init"))]
}

pub fn outside(sandbox: &Sandbox) -> Result<Value> {
    sandbox.probe(["report"]).output()?.json()
}

/// The container's first process, which descends directly from the runtime.
pub fn container(running: &Running) -> Result<Pid> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        if let Some(first) = running.descendants().first() {
            return Ok(*first);
        }
    }
    bail!("the runtime has no child")
}
