//! `step07 [flags] [--] CMD…`: a command that may write to files that it shares with others.

use std::process::ExitCode;

fn main() -> ExitCode {
    step07::main::<step07::Args>()
}
