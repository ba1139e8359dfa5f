//! `step03 [flags] [--] CMD…`: a command in a file system of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    step03::main::<step03::Args>()
}
