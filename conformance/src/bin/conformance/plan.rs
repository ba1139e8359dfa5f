//! What a guest is to do, and how it answers.
//!
//! The plan is a JSON file whose path is in the environment of the guest's process 1: the kernel
//! hands on what it does not know of its command line. The answers are lines on the console that
//! begin with `@@`, among whatever else is printed there.

use std::{collections::BTreeSet, io::Write, path::PathBuf};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{
    cgroups::Layout,
    machine::Again,
    programs::{Program, Programs},
    results::Verdict,
    table::Table,
};

/// The variable with the plan's path.
pub const VARIABLE: &str = "CONFORMANCE_PLAN";

/// What a guest is to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// As the table names it.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// Where it runs.
    pub folder: PathBuf,
    /// Of its tests these alone.
    pub tests: Vec<String>,
}

/// What a guest says.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// It has booted: the kernel's release.
    Booted(String),
    /// A program, one of its tests, and how that went.
    Tested(String, String, Verdict),
    /// That was the last test of this program.
    Ran(String),
    /// That was the whole plan.
    Done,
}

impl Plan {
    /// Those tests that no kernel has run so far, and those that are to be run `again`. If only some
    /// tests were asked for, then of them those and no others.
    pub fn new(programs: &Programs, table: &Table, layout: Layout, again: Again) -> Result<Self> {
        let mut runs = Vec::new();
        for program in &programs.tests {
            let missing = match table.knows(&program.name) {
                true => table.missing(&program.name),
                false => program.list(programs.filter.as_deref().unwrap_or("--ignored"))?,
            };
            let again = again.iter().find(|(name, _)| *name == program.name);
            let tests = match again.filter(|_| programs.filter.is_none()) {
                Some((_, some)) => with(missing, some, program)?,
                None => missing,
            };
            if !tests.is_empty() {
                runs.push(Run {
                    name: program.name.clone(),
                    path: program.path.clone(),
                    folder: program.folder.clone(),
                    tests,
                });
            }
        }
        Ok(Self { runs, layout, ..Self::default() })
    }

    /// The same work as several plans, like a hand of cards, since what one test takes its
    /// neighbours in a program often take too. None is empty.
    pub fn dealt_to(self, machines: usize) -> Vec<Self> {
        let empty = |_| Self { runs: Vec::new(), ..self.clone() };
        let mut hands: Vec<Self> = (0..machines).map(empty).collect();
        let mut next = (0..machines).cycle();
        for run in &self.runs {
            hands.iter_mut().for_each(|h| h.runs.push(Run { tests: Vec::new(), ..run.clone() }));
            for (test, hand) in run.tests.iter().zip(&mut next) {
                let last = hands[hand].runs.last_mut();
                last.into_iter().for_each(|run| run.tests.push(test.clone()));
            }
        }
        hands.iter_mut().for_each(|hand| hand.runs.retain(|run| !run.tests.is_empty()));
        hands.retain(|hand| !hand.runs.is_empty());
        hands
    }
}

/// These tests and those, which there must be.
fn with(tests: Vec<String>, those: &[&str], program: &Program) -> Result<Vec<String>> {
    let all: BTreeSet<String> = program.list("")?.into_iter().collect();
    let unknown = those.iter().find(|name| !all.contains(**name));
    ensure!(unknown.is_none(), "{} has no test {}", program.name, unknown.unwrap_or(&""));
    let mut tests: BTreeSet<String> = tests.into_iter().collect();
    tests.extend(those.iter().map(|name| name.to_string()));
    Ok(tests.into_iter().collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, tests: &[&str]) -> Run {
        let tests = tests.iter().map(|test| test.to_string()).collect();
        Run { name: name.into(), path: PathBuf::new(), folder: PathBuf::new(), tests }
    }

    #[test]
    fn work_is_dealt_out_evenly_and_nothing_twice() {
        let runs = vec![run("a", &["1", "2", "3"]), run("b", &["4"]), run("c", &["5"])];
        let hands = Plan { runs, ..Plan::default() }.dealt_to(2);
        let tests = |hand: &Plan| hand.runs.iter().flat_map(|run| run.tests.clone()).collect();
        let hands: Vec<Vec<String>> = hands.iter().map(tests).collect();
        assert_eq!(hands, [vec!["1", "3", "5"], vec!["2", "4"]]);
        let one = Plan { runs: vec![run("a", &["1"])], ..Plan::default() };
        assert_eq!(one.dealt_to(2).len(), 1);
        assert_eq!(Plan::default().dealt_to(2).len(), 0);
    }
}
