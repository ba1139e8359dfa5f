//! `step05 [flags] [--] CMD…`: a command whose root is not root outside.

use std::process::ExitCode;

fn main() -> ExitCode {
    step05::main::<step05::Args>()
}
