//! What a guest is to do, and how it answers.
//!
//! The plan is a JSON file whose path is in the environment of the guest's process 1: the kernel
//! hands on what it does not know of its command line. The answers are lines on the console that
//! begin with `@@`, among whatever else is printed there.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{host, programs::Programs, results::Verdict, table::Table};

/// The variable with the plan's path.
pub const VARIABLE: &str = "CONFORMANCE_PLAN";

/// What a guest is to do.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Where the workspace is, if it is in a file system of the guest's.
    pub workspace: Option<PathBuf>,
    /// Kernel modules, in the order in which they are to be loaded.
    pub modules: Vec<PathBuf>,
    /// Test programs, one after another.
    pub runs: Vec<Run>,
}

/// One test program.
#[derive(Debug, Serialize, Deserialize)]
pub struct Run {
    /// As the table names it.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// Where it runs.
    pub folder: PathBuf,
    /// These tests alone; all of them if this is `None`.
    pub tests: Option<Vec<String>>,
}

/// What a guest says.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// It has booted: the kernel's release.
    Booted(String),
    /// A program, and how its tests went.
    Ran(String, Vec<(String, Verdict)>),
    /// That was the whole plan.
    Done,
}

impl Plan {
    /// The programs named in `whole` with all their tests, and of the others those tests that no
    /// kernel has run so far. The harness and the book are not for a guest: they speak of a whole
    /// system, and there is none.
    pub fn new(programs: &Programs, table: &Table, whole: &[&str]) -> Self {
        let mut runs = Vec::new();
        let of_containers = |name: &str| !name.starts_with("conformance");
        for program in programs.tests.iter().filter(|program| of_containers(&program.name)) {
            let all = whole.contains(&program.name.as_str());
            let missing = table.missing(&program.name);
            if all || !missing.is_empty() {
                runs.push(Run {
                    name: program.name.clone(),
                    path: program.path.clone(),
                    folder: program.folder.clone(),
                    tests: (!all).then_some(missing),
                });
            }
        }
        Self { runs, ..Self::default() }
    }
}

impl Answer {
    /// Guest: says it.
    pub fn say(&self) {
        let text = serde_json::to_string(self).unwrap_or_default();
        println!("@@{text}");
        let _ = std::io::stdout().flush();
    }

    fn hear(line: &str) -> Option<Self> {
        serde_json::from_str(line.trim_end_matches('\r').split_once("@@")?.1).ok()
    }
}

/// Host: runs a virtual machine, and enters into the table what it answers. A machine that takes
/// longer than `limit`, or stops before it is done, is an error that shows its last words.
pub fn carry_out(
    kernel: &str,
    mut machine: Command,
    limit: Duration,
    table: &mut Table,
) -> Result<()> {
    machine.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut machine = Machine(machine.spawn().with_context(|| format!("starting {kernel}"))?);
    let (say, heard) = mpsc::channel();
    let console = machine.0.stdout.take().context("a machine without a console")?;
    thread::spawn(move || {
        let lines = BufReader::new(console).split(b'\n').map_while(Result::ok);
        lines.map(|line| String::from_utf8_lossy(&line).into_owned()).for_each(|line| {
            let _ = say.send(line);
        });
    });

    let (start, mut step) = (Instant::now(), Instant::now());
    let mut column = kernel.to_string();
    let mut last_words = Vec::new();
    loop {
        let left = limit.saturating_sub(start.elapsed());
        let Ok(line) = heard.recv_timeout(left) else {
            let words = last_words.join("\n");
            let why = if left.is_zero() { "took too long" } else { "stopped before it was done" };
            bail!("{kernel} {why}; it said last:\n{words}");
        };
        match Answer::hear(&line) {
            Some(Answer::Booted(release)) => {
                column = format!("{kernel} {release}");
                println!("\n{column}  (booted in {:.0} s)", start.elapsed().as_secs_f64());
            }
            Some(Answer::Ran(program, verdicts)) => {
                host::finish(&program, &verdicts, step.elapsed());
                table.add(&column, &program, verdicts);
            }
            Some(Answer::Done) => return Ok(()),
            None => {
                last_words.push(line);
                let old = last_words.len().saturating_sub(20);
                last_words.drain(..old);
                continue;
            }
        }
        step = Instant::now();
    }
}

/// Is ended with its owner.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
