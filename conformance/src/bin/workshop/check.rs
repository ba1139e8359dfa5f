//! `check`: the checkpoints of a step's exercises, a line each, and the first failure as a whole.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context, Result};
use conformance::Exercise;

use crate::{
    Usage,
    cargo::{self, PROFILE},
    desk::{Desk, Progress},
    paint,
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
    let mut all = true;
    for part in parts(tree, what)? {
        match build(tree, &part)? {
            Ok(tests) => all &= check(tree, &part, &tests)?,
            Err(errors) => {
                all = false;
                does_not_build(part.0, &errors);
            }
        }
    }
    Ok(all)
}

/// Test programs by name.
pub type Programs = BTreeMap<String, PathBuf>;

/// Builds a step's program and the test programs with these checkpoints.
pub fn build(tree: &Tree, (step, exercises): &Part) -> Result<Result<Programs, String>> {
    let mut names: Vec<_> =
        exercises.iter().flat_map(|one| one.tests()).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    // The first time everything is built that the step is made of, which takes a while.
    let first = !tree.root.join("target").join(PROFILE).join(&step.package).exists();
    let args = cargo::tests(&step.package, &names, PROFILE);
    let built = cargo::build(cargo::cargo(&tree.root), &args, first)?;
    Ok(built.map(|built| built.tests))
}

/// Shows the compiler's errors.
pub fn does_not_build(step: &Step, errors: &str) {
    println!("{}", errors.trim_end());
    println!("\n{}", paint::bad(format!("{} does not build", step.package)));
}

/// Runs the checkpoints of exercises: a line each, and the first failure as a whole.
pub fn check(tree: &Tree, (step, exercises): &Part, programs: &Programs) -> Result<bool> {
    println!("{} {}", paint::bold(format!("step {}", step.number)), step.description);
    let verdicts = verdicts(tree, step, exercises, programs)?;
    let desk = Desk::of(tree);
    let mut first = None;
    let (mut failed, mut not_run) = (0, 0);
    for exercise in exercises {
        println!("  {}  {}", exercise.id, exercise.title);
        let mut passed = true;
        for test in exercise.tests() {
            let verdict = verdicts.get(&test).context("a checkpoint that has not run")?;
            println!("{}", line(test.1, verdict));
            passed &= *verdict == Verdict::Passed;
            not_run += usize::from(matches!(verdict, Verdict::NotRun(_)));
            if let Verdict::Failed(found) = verdict {
                failed += 1;
                first = first.or(Some((exercise, test.1, found)));
            }
        }
        if passed {
            desk.has_passed(step, exercise)?;
        }
    }
    if let Some((exercise, test, found)) = first {
        println!("\n{}\n{found}\n", paint::bad(format!("{test} failed")));
        help(&desk, step, exercises, exercise, found)?;
    } else if not_run > 0 {
        println!("\n{}", paint::odd(format!("nothing failed, but {not_run} could not run here")));
        println!("`cargo workshop doctor` says what this machine lacks.");
    } else {
        println!("\n{}", paint::good("all checkpoints passed"));
        println!("All tests of this step: cargo test -p {}", step.package);
    }
    Ok(failed == 0)
}

/// What each checkpoint said. A test that two exercises share runs once.
fn verdicts<'a>(
    tree: &Tree,
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
        let found = trial::run(path, &tree.root.join(&step.folder), &tests, |_, _| ())?;
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
fn help(
    desk: &Desk,
    step: &Step,
    exercises: &[&Exercise],
    exercise: &Exercise,
    found: &str,
) -> Result<()> {
    // The failure may be about another exercise: one that is not written yet.
    let named = exercises.iter().find(|one| found.starts_with(&format!("exercise {}: ", one.id)));
    let exercise = named.copied().unwrap_or(exercise);
    let path = step.path(exercise).display().to_string();
    match desk.progress(step, exercise)? {
        Progress::Lost => println!("The marks of {} are gone from {path}.", exercise.id),
        _ => println!("It is in {path}."),
    }
    println!("A hint: cargo workshop hint {}", exercise.id);
    Ok(())
}
