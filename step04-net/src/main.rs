//! `step04 [flags] [--] CMD…`: a command with a network of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    step04::main::<step04::Args>()
}
