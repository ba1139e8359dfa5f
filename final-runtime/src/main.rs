//! `final-runtime`: a container runtime made of the seven steps.

use std::{
    io::{Write, stderr},
    process::ExitCode,
};

use clap::{Parser, error::ErrorKind};
use final_runtime::cli;
use step07::{Failure, one_line};

fn main() -> ExitCode {
    let result = match cli::Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(error)
            if error.kind() == ErrorKind::DisplayHelp
                || error.kind() == ErrorKind::DisplayVersion =>
        {
            error.print().map(|()| 0).map_err(Into::into)
        }
        Err(error) => Err(Failure::new(125, one_line(&error)).into()),
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
