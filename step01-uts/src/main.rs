//! `step01 [flags] [--] CMD…`: a command with a host name and message queues of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    step01::main::<step01::Args>()
}
