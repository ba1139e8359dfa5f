//! What the tests share: the program, what is seen outside of it, and where to read on.

use anyhow::Result;
use conformance::{Run, Sandbox};
use serde_json::Value;

pub const UTS: &str = "uts_namespaces(7), sethostname(2)";
pub const IPC: &str = "ipc_namespaces(7), sysvipc(7), mq_overview(7)";
pub const SIGNALS: &str = "signal(7), pidfd_send_signal(2)";
pub const EXEC: &str = "execve(2)";

pub fn step01(sandbox: &Sandbox) -> Run<'_> {
    sandbox.run(env!("CARGO_BIN_EXE_step01"))
}

/// What a process sees that is in no container.
pub fn outside(sandbox: &Sandbox) -> Result<Value> {
    sandbox.probe(["report"]).output()?.json()
}
