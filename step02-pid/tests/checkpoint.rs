//! The checkpoint of step 2.

use anyhow::Result;
use conformance::{Run, Sandbox, expect};

fn step02(sandbox: &Sandbox) -> Run<'_> {
    sandbox.run(env!("CARGO_BIN_EXE_step02"))
}

fn the_command_is_process_1(sandbox: &Sandbox) -> Result<()> {
    let inside = step02(sandbox).report()?;
    expect::equal("the number of the command's process", &inside["pid"], 1, "pid_namespaces(7)")
}

conformance::checkpoint! {
    the_command_is_process_1,
}
