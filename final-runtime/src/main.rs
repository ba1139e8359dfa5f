//! `final-runtime`: a container runtime made of the seven steps.
//!
//! | folder | subject |
//! | --- | --- |
//! | `cli/` | one file a verb |
//! | `layers/` | the layers that the steps do not have |
//! | `lifecycle/` | what is written down of a container, and who looks after it |
//! | `image/` | what containers are made from |
//! | `store.rs` | where all of it is kept |
//! | `account.rs` | users by name |
//! | `own_binary.rs` | keeping this program out of containers' reach |

mod account;
mod cli;
mod image;
mod layers;
mod lifecycle;
mod own_binary;
mod store;

use std::{
    io::{Write, stderr},
    process::ExitCode,
};

use clap::{Parser, error::ErrorKind};
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
