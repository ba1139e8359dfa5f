//! `step06 [flags] [--] CMD…`: a command that is held to limits, and counted.

use std::process::ExitCode;

fn main() -> ExitCode {
    step06::main::<step06::Args>()
}
