//! `final-runtime`: a container runtime made of the seven steps.

#[cfg(target_arch = "x86_64")]
mod early_start;

use std::{
    io::{Write, stderr},
    process::ExitCode,
};

use clap::{Parser, error::ErrorKind};
use final_runtime::cli::{Cli, oci};
use step07::{Failure, one_line};

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    let result = match oci::Cli::of(&args) {
        Some(Ok(cli)) => return ExitCode::from(cli.run()),
        Some(Err(error)) => told(&error),
        None => match Cli::try_parse_from(args) {
            Ok(cli) => cli.run(),
            Err(error) => told(&error),
        },
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Not `eprintln`: it panics where nobody reads, and a panic is another exit code.
            let _ = writeln!(stderr(), "final-runtime: {error:#}");
            ExitCode::from(Failure::code_of(&error))
        }
    }
}

/// What clap has to say instead of a command line: help, or what is wrong.
fn told(error: &clap::Error) -> anyhow::Result<u8> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print(); // `--help | head` is no error
            Ok(0)
        }
        _ => Err(Failure::new(125, one_line(error)).into()),
    }
}
