//! The command line that every step extends, and the `main` that every step shares.

use std::{
    error::Error,
    ffi::OsString,
    io::{Write, stderr},
    process::ExitCode,
};

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, error::ErrorKind};

use crate::{Container, Explain, Failure, Ipc, Process, Status, Uts, uts};

/// A step: flags, and the container that they describe.
///
/// A later step's arguments hold the earlier step's, flattened, and its container is the earlier
/// step's container with one more layer put in.
pub trait Step: clap::Args {
    /// The name of the program, as in `step01`.
    const NAME: &'static str;
    /// What the program does, in one sentence.
    const ABOUT: &'static str;

    /// Everything up to, but not including, the first act on the kernel.
    fn container(self) -> Result<Container>;
}

/// The flags of step 1.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub struct Args {
    /// Tell each act on the kernel as the shell command that would do the same
    #[arg(long)]
    pub explain: bool,

    /// Host name in the container
    #[arg(long, value_name = "NAME", value_parser = uts::hostname, help_heading = "UTS namespace")]
    pub hostname: Option<String>,

    /// NIS domain name in the container
    #[arg(long, value_name = "NAME", value_parser = uts::domainname, help_heading = "UTS namespace")]
    pub domainname: Option<String>,

    /// The command to run, and its arguments
    #[arg(value_name = "CMD", trailing_var_arg = true, default_value = "sh")]
    pub command: Vec<OsString>,
}

impl Step for Args {
    const NAME: &'static str = "step01";
    const ABOUT: &'static str =
        "Run a command with a host name and message queues of its own (UTS and IPC namespaces).";

    fn container(self) -> Result<Container> {
        let process = Process::new(self.command);
        let mut container = Container::new(process, Explain::new(self.explain));
        container.stack.top(Uts { hostname: self.hostname, domainname: self.domainname });
        container.stack.top(Ipc);
        Ok(container)
    }
}

/// The whole command line of a step.
#[derive(Parser)]
pub struct Cli<S: Step> {
    /// Its flags and its command.
    #[command(flatten)]
    pub step: S,
}

/// The `main` of every step: parse, run, tell an error in one line.
///
/// The exit code is the command's own, or 128+N if signal N killed it, or 125, 126 or 127 if the
/// container did not come to be (see [`Failure`]).
pub fn main<S: Step>() -> ExitCode {
    match run::<S>() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Not `eprintln`: it panics where nobody reads, and a panic is another exit code.
            let _ = writeln!(stderr(), "{}: {error:#}", S::NAME);
            ExitCode::from(Failure::code_of(&error))
        }
    }
}

fn run<S: Step>() -> Result<u8> {
    let command = Cli::<S>::command().name(S::NAME).bin_name(S::NAME).about(S::ABOUT);
    let parsed = command.try_get_matches().and_then(|matches| Cli::<S>::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => Ok(cli.step.container()?.run().map(Status::code)?),
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            let _ = error.print(); // `--help | head` is no error
            Ok(0)
        }
        Err(error) => Err(Failure::new(125, one_line(&error)).into()),
    }
}

/// clap's error without the usage that follows it. A value that a layer refused has that layer's
/// own words, which begin with its name; others, as of what is no number, do not even say of what.
pub fn one_line(error: &clap::Error) -> String {
    if let (ErrorKind::ValueValidation, Some(source)) = (error.kind(), error.source()) {
        let words = source.to_string();
        if words.contains(": ") {
            return words;
        }
    }
    let text = error.to_string();
    let first: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    first.join(" ").trim_start_matches("error: ").to_string()
}
