//! What a guest is to do, and how it answers.
//!
//! The plan is a JSON file whose path is in the environment of the guest's process 1: the kernel
//! hands on what it does not know of its command line. The answers are lines on the console that
//! begin with `@@`, among whatever else is printed there.

use std::{io::Write, path::PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::{cgroups::Layout, programs::Programs, results::Verdict, table::Table};

/// The variable with the plan's path.
pub const VARIABLE: &str = "CONFORMANCE_PLAN";

/// What a guest is to do.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Where the workspace is, if it is in a file system of the guest's.
    pub workspace: Option<PathBuf>,
    /// How control groups are mounted.
    pub layout: Layout,
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
    /// kernel has run so far. If only some tests were asked for, then those and no others.
    pub fn new(programs: &Programs, table: &Table, layout: Layout, whole: &[&str]) -> Result<Self> {
        let mut runs = Vec::new();
        for program in &programs.tests {
            let all = whole.contains(&program.name.as_str()) && programs.filter.is_none();
            let missing = match table.knows(&program.name) {
                true => table.missing(&program.name),
                false => program.list(programs.filter.as_deref().unwrap_or("--ignored"))?,
            };
            if all || !missing.is_empty() {
                runs.push(Run {
                    name: program.name.clone(),
                    path: program.path.clone(),
                    folder: program.folder.clone(),
                    tests: (!all).then_some(missing),
                });
            }
        }
        Ok(Self { runs, layout, ..Self::default() })
    }
}

impl Answer {
    /// Guest: says it.
    pub fn say(&self) {
        let text = serde_json::to_string(self).unwrap_or_default();
        println!("@@{text}");
        let _ = std::io::stdout().flush();
    }

    /// Host: reads it in a line of the console.
    pub fn hear(line: &str) -> Option<Self> {
        serde_json::from_str(line.trim_end_matches('\r').split_once("@@")?.1).ok()
    }
}
