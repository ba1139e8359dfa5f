//! `cargo workshop`: the learner's tool, and what keeps the exercises honest.
//!
//! `main` holds the solutions. An exercise is a marked region of a step's source; `start` puts a
//! `todo!` in its place, `check` runs the tests that are its checkpoints, `solve` and `reset` bring
//! the solution back. What the learner wrote is kept in `.workshop`, whatever is asked for.
//!
//! | file | subject |
//! | --- | --- |
//! | `tree.rs` | the workspace: its steps and their exercises |
//! | `region.rs` | the marked region of an exercise in a source file |
//! | `desk.rs` | `.workshop`: the solutions while a step is worked on, and what the learner wrote |
//! | `history.rs` | the solutions as git has them |
//! | `file.rs` | files that are written whole or not at all |
//! | `cargo.rs` | building a step's program and its tests |
//! | `copy.rs` | a copy of the workspace, and of the libraries that are built already |
//! | `trial.rs` | running checkpoints, with a time limit |
//! | `paint.rs` | colours, on a terminal |
//! | `check.rs` … `watch.rs` | one command each |
//! | `verify/` | what CI runs: solutions, blanks and wrong answers against their checkpoints |

mod book;
mod cargo;
mod check;
mod copy;
mod desk;
mod diff;
mod doctor;
mod file;
mod hint;
mod history;
mod list;
mod paint;
mod region;
mod reset;
#[path = "../conformance/results.rs"]
mod results;
mod rootfs;
mod solve;
mod start;
mod tree;
mod trial;
mod verify;
mod watch;

use std::{fmt, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::tree::{Chosen, Tree};

/// Work through the course: exercises, hints, checks
#[derive(Parser)]
#[command(name = "cargo workshop", bin_name = "cargo workshop", max_term_width = 100)]
#[command(after_help = "Begin with `cargo workshop doctor`, then `cargo workshop start 1`.")]
struct Args {
    /// The workspace, if it is not the one that this was built in
    #[arg(long, global = true, hide = true, value_name = "DIR")]
    workspace: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// See whether this machine has what the course needs, and how to mend what is missing
    Doctor,
    /// Show the exercises, and how far you are
    List {
        /// A step, as in 3 [default: all]
        step: Option<Chosen>,
    },
    /// Make a step's exercises blank, to be filled in by you; what you wrote before is kept
    Start {
        /// A step, as in 3, or an exercise, as in 3-2
        what: Chosen,
    },
    /// Run the checkpoints of a step's exercises
    Check {
        /// A step or an exercise [default: the steps that you have started]
        what: Option<Chosen>,
    },
    /// Check again whenever a file of the step changes
    Watch {
        /// A step or an exercise [default: the steps that you have started]
        what: Option<Chosen>,
    },
    /// Give a hint, each time a warmer one
    Hint {
        /// An exercise, as in 3-2
        exercise: Chosen,
        /// All hints at once
        #[arg(long)]
        all: bool,
    },
    /// Write the solution in place of what you wrote, which is kept
    Solve {
        /// A step or an exercise
        what: Chosen,
    },
    /// Compare what you wrote with the solution
    Diff {
        /// A step or an exercise
        what: Chosen,
    },
    /// Bring the solutions of a step back, and be done with it; what you wrote is kept
    Reset {
        /// A step or an exercise [default: the steps that you have started]
        what: Option<Chosen>,
    },
    /// Make a root file system to play with
    Rootfs {
        /// A directory that does not exist yet, or is empty
        dir: PathBuf,
    },
    /// Show the book in a browser
    Book(book::Args),
    /// Hold solutions, blanks and wrong answers to their checkpoints (for those who write exercises)
    Verify(verify::Args),
}

/// What was asked for makes no sense: exit code 2.
#[derive(Debug)]
struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

fn main() -> ExitCode {
    if let Some(code) = conformance::helper() {
        return code;
    }
    let args = Args::parse();
    match run(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("workshop: {error:#}");
            ExitCode::from(if error.is::<Usage>() { 2 } else { 125 })
        }
    }
}

/// Whether all is well.
fn run(args: Args) -> Result<bool> {
    let tree = Tree::find(args.workspace)?;
    match args.command {
        Command::Doctor => doctor::run(&tree),
        Command::List { step } => list::run(&tree, step),
        Command::Start { what } => start::run(&tree, what),
        Command::Check { what } => check::run(&tree, what),
        Command::Watch { what } => watch::run(&tree, what),
        Command::Hint { exercise, all } => hint::run(&tree, exercise, all),
        Command::Solve { what } => solve::run(&tree, what),
        Command::Diff { what } => diff::run(&tree, what),
        Command::Reset { what } => reset::run(&tree, what),
        Command::Rootfs { dir } => rootfs::run(&tree, &dir),
        Command::Book(args) => book::run(&tree, &args),
        Command::Verify(args) => verify::run(&tree, &args),
    }
}
