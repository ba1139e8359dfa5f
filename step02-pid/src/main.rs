//! `step02 [flags] [--] CMD…`: a command that is process 1 of a PID namespace.

use std::process::ExitCode;

fn main() -> ExitCode {
    step02::main::<step02::Args>()
}
