//! `check`: the checkpoints of a step's exercises, a line each, and the first failure as a whole.
//!
//! What is checked is a copy of the workspace in which every exercise that is still blank has its
//! solution. So each can be written and checked alone, the easy ones first, though none of a step's
//! parts does anything without the others.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use conformance::Exercise;

use crate::{
    Usage,
    cargo::{self, PROFILE},
    copy,
    desk::{Desk, Progress},
    paint, region,
    results::Verdict,
    tree::{Chosen, Step, Tree},
    trial,
};

/// A step, and those of its exercises that are looked at.
pub type Part<'a> = (&'a Step, Vec<&'a Exercise>);

/// What is to be looked at: what was chosen, or the steps that were started.
pub fn parts(tree: &Tree, what: Option<Chosen>) -> Result<Vec<Part<'_>>> {
    if let Some(chosen) = what {
        return Ok(vec![tree.choose(chosen)?]);
    }
    let desk = Desk::of(tree);
    let started = tree.steps.iter().filter(|step| desk.is_started(step));
    let parts: Vec<_> = started.map(|step| (step, step.exercises.iter().collect())).collect();
    if parts.is_empty() {
        let hint = "no step is started: begin with `cargo workshop start 1`, or name a step";
        return Err(Usage(hint.into()).into());
    }
    Ok(parts)
}

/// Whether all checkpoints passed.
pub fn run(tree: &Tree, what: Option<Chosen>) -> Result<bool> {
    let copy = Copy::of(tree);
    let mut all = true;
    for part in parts(tree, what)? {
        all &= build_and_check(&copy, &part)?;
    }
    Ok(all)
}

/// Builds what is needed, checks, and tells all of it.
pub fn build_and_check(copy: &Copy, part: &Part) -> Result<bool> {
    let built = match written(&Desk::of(copy.tree), part)?.is_empty() {
        true => Ok(Programs::new()), // nothing need be built to say so
        false => copy.build(part)?,
    };
    match built {
        Ok(programs) => check(copy, part, &programs),
        Err(errors) => {
            println!("{}", errors.trim_end());
            println!("\n{}", paint::bad(format!("{} does not build", part.0.package)));
            Ok(false)
        }
    }
}

/// Test programs by name.
type Programs = BTreeMap<String, PathBuf>;

/// The copy in which exercises are checked.
pub struct Copy<'a> {
    pub tree: &'a Tree,
    root: PathBuf,
    target: PathBuf,
}

impl<'a> Copy<'a> {
    pub fn of(tree: &'a Tree) -> Self {
        let dir = tree.target.join("check");
        Self { tree, root: dir.join("tree"), target: dir.join("target") }
    }

    /// Makes it what the workspace is now, with the solutions of what is blank.
    fn renew(&self) -> Result<()> {
        let desk = Desk::of(self.tree);
        let steps = self.tree.steps.iter();
        let exercises = steps.flat_map(|step| step.exercises.iter().map(move |one| (step, one)));
        let mut fill: BTreeMap<PathBuf, Vec<_>> = BTreeMap::new();
        for (step, exercise) in exercises {
            if desk.progress(step, exercise)? == Progress::Blank {
                let solution = desk.solution(step, exercise)?;
                fill.entry(step.path(exercise)).or_default().push((&exercise.id, solution));
            }
        }
        copy::sources(&self.tree.root, &self.root, |name, content| {
            let Some(solutions) = fill.get(name) else { return Ok(content) };
            let mut text = String::from_utf8(content)?;
            for (id, solution) in solutions {
                text = region::replace(&text, id, solution)?;
            }
            Ok(text.into_bytes())
        })?;
        // Where it does not work they are built.
        let built = [&self.tree.target, &self.target].map(|target| target.join(PROFILE));
        let _ = copy::libraries(&built[0], &built[1], &self.tree.members());
        Ok(())
    }

    fn cargo(&self) -> Command {
        let mut cargo = cargo::cargo(&self.root);
        cargo.env("CARGO_TARGET_DIR", &self.target);
        cargo
    }

    /// Builds a step's program and the test programs with these checkpoints.
    fn build(&self, (step, exercises): &Part) -> Result<Result<Programs, String>> {
        self.renew()?;
        let mut names: Vec<_> =
            exercises.iter().flat_map(|one| one.tests()).map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        // The first time everything is built that the step is made of, which takes a while.
        let first = !self.target.join(PROFILE).join(&step.package).exists();
        let args = cargo::tests(&step.package, &names, PROFILE);
        match cargo::build(self.cargo(), &args, first)? {
            Ok(built) => Ok(Ok(built.tests)),
            Err(errors) => self.errors(step, errors),
        }
    }

    /// What does not compile in the copy does not in the workspace, where its lines are numbered as
    /// the learner sees them.
    fn errors<T>(&self, step: &Step, errors: String) -> Result<Result<T, String>> {
        let args = cargo::programs(&step.package, PROFILE);
        let built = cargo::build(cargo::cargo(&self.tree.root), &args, false)?;
        Ok(Err(built.err().unwrap_or(errors)))
    }
}

/// Runs the checkpoints of exercises: a line each, and the first failure as a whole.
fn check(copy: &Copy, part: &Part, programs: &Programs) -> Result<bool> {
    let (step, exercises) = part;
    println!("{} {}", paint::bold(format!("step {}", step.number)), step.description);
    let desk = Desk::of(copy.tree);
    let written = written(&desk, part)?;
    let verdicts = verdicts(&copy.root.join(&step.folder), step, &written, programs)?;
    let mut first = None;
    let mut not_run = 0;
    for exercise in exercises {
        if !written.iter().any(|one| one.id == exercise.id) {
            let blank = paint::faint("· not written yet");
            println!("  {}  {:<44} {blank}", exercise.id, exercise.title);
            let told =
                || format!("exercise {}: {:?} is not written yet", exercise.id, exercise.title);
            first.get_or_insert_with(|| (*exercise, told()));
            continue;
        }
        println!("  {}  {}", exercise.id, exercise.title);
        let mut passed = true;
        for test in exercise.tests() {
            let verdict = verdicts.get(&test).context("a checkpoint that has not run")?;
            println!("{}", line(test.1, verdict));
            passed &= *verdict == Verdict::Passed;
            not_run += usize::from(matches!(verdict, Verdict::NotRun(_)));
            if let Verdict::Failed(found) = verdict {
                let told = || {
                    (*exercise, format!("{}\n{found}", paint::bad(format!("{} failed", test.1))))
                };
                first.get_or_insert_with(told);
            }
        }
        if passed {
            desk.has_passed(step, exercise)?;
        }
    }
    if let Some((exercise, told)) = &first {
        println!("\n{told}\n");
        help(&desk, step, exercise)?;
    } else if not_run > 0 {
        println!("\n{}", paint::odd(format!("nothing failed, but {not_run} could not run here")));
        println!("`cargo workshop doctor` says what this machine lacks.");
    } else {
        println!("\n{}", paint::good("all checkpoints passed"));
        println!("All tests of this step: cargo test -p {}", step.package);
    }
    Ok(first.is_none())
}

/// Those that are not blank.
fn written<'a>(desk: &Desk, (step, exercises): &Part<'a>) -> Result<Vec<&'a Exercise>> {
    let mut written = Vec::new();
    for exercise in exercises {
        if desk.progress(step, exercise)? != Progress::Blank {
            written.push(*exercise);
        }
    }
    Ok(written)
}

/// What each checkpoint said. A test that two exercises share runs once.
fn verdicts<'a>(
    folder: &Path,
    step: &Step,
    exercises: &[&'a Exercise],
    programs: &Programs,
) -> Result<BTreeMap<(&'a str, &'a str), Verdict>> {
    let mut by_program: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (program, test) in exercises.iter().flat_map(|exercise| exercise.tests()) {
        let tests = by_program.entry(program).or_default();
        if !tests.contains(&test) {
            tests.push(test);
        }
    }
    let mut verdicts = BTreeMap::new();
    for (program, tests) in by_program {
        let named = || format!("{} has no test program {program}", step.package);
        let path = programs.get(program).with_context(named)?;
        let found = trial::run(path, folder, &tests)?;
        for (name, verdict) in found {
            if let Some(test) = tests.iter().find(|test| **test == name) {
                verdicts.insert((program, *test), verdict);
            }
        }
    }
    Ok(verdicts)
}

fn line(test: &str, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => format!("       {} {test}", paint::good("✓")),
        Verdict::Failed(_) => format!("       {} {test}", paint::bad("✗")),
        Verdict::NotRun(why) => {
            format!("       {} {test}: {}", paint::odd("–"), paint::odd(format!("not run: {why}")))
        }
    }
}

/// Where to go on after a failure.
fn help(desk: &Desk, step: &Step, exercise: &Exercise) -> Result<()> {
    let path = step.path(exercise).display().to_string();
    match desk.progress(step, exercise)? {
        Progress::Lost => println!("The marks of {} are gone from {path}.", exercise.id),
        _ => println!("It is in {path}."),
    }
    println!("A hint: cargo workshop hint {}", exercise.id);
    Ok(())
}
