//! Building and judging one exercise after another, in a copy of the workspace.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::Result;
use conformance::Exercise;

use super::{Report, answer::Answer};
use crate::{
    cargo::{self, Built},
    copy, file, region,
    results::Verdict,
    tree::{Step, Tree},
    trial,
};

/// As for tests, so that libraries that were built for them serve here too.
const PROFILE: &str = "dev";

/// Whoever works in a copy of the workspace.
pub struct Worker<'a> {
    tree: &'a Tree,
    /// The copy.
    root: PathBuf,
    target: PathBuf,
    /// The step whose tests are built, with its test programs.
    ready: Option<(u32, Ready)>,
    /// The file in which something is wrong now, with what belongs there.
    changed: Option<(PathBuf, String)>,
}

/// What is known of a step.
#[derive(Clone, Default)]
struct Ready {
    programs: BTreeMap<String, PathBuf>,
    /// Whether these call the step's library, and do not only run its program.
    calls_library: bool,
    /// Checkpoints that cannot run here, and why.
    not_run: BTreeMap<String, String>,
    faults: Vec<String>,
}

/// Checkpoints that failed, with what they found.
type Failed = BTreeMap<String, String>;

impl<'a> Worker<'a> {
    /// The worker with this number, counted from 0.
    pub fn new(tree: &'a Tree, number: usize) -> Result<Self> {
        let dir = tree.target.join("verify").join(number.to_string());
        let (root, target) = (dir.join("tree"), dir.join("target"));
        copy::sources(&tree.root, &root, |_, text| Ok(text))?;
        // Where it does not work they are built.
        let _ = copy::libraries(&tree.target.join("debug"), &target.join("debug"), &tree.members());
        Ok(Self { tree, root, target, ready: None, changed: None })
    }

    /// Judges an exercise: its solution with those of its step, its blank, its wrong answers.
    pub fn judge(&mut self, step: &Step, exercise: &Exercise) -> Result<Report> {
        let begun = Instant::now();
        let mut report = Report::default();
        let ready = self.ready(step)?;
        report.failures.extend(ready.faults.iter().cloned());
        for name in exercise.checkpoints.iter() {
            if let Some(why) = ready.not_run.get(name) {
                report.not_run.push(format!("{} {name}: {why}", exercise.id));
            }
        }
        let judgeable = exercise.checkpoints.iter().any(|name| !ready.not_run.contains_key(name));
        if ready.faults.is_empty() && judgeable {
            let faults = self.blank(step, exercise, &ready)?;
            report.blanks += usize::from(faults.is_empty());
            report.failures.extend(faults);
            for answer in Answer::all(&self.tree.root.join(&step.folder), &exercise.id)? {
                let fault = self.answer(step, exercise, &ready, &answer)?;
                report.caught += usize::from(fault.is_none());
                report.failures.extend(fault);
            }
        }
        println!(
            "{:<5} {:<44} {:>2} caught, {} faults  {:.1} s",
            exercise.id,
            exercise.title,
            report.caught,
            report.failures.len(),
            begun.elapsed().as_secs_f64()
        );
        Ok(report)
    }

    /// Leaves the copy as the workspace is.
    pub fn finish(mut self) -> Result<()> {
        self.restore()
    }

    /// Builds a step as it is with its tests, and holds the solutions to all checkpoints.
    fn ready(&mut self, step: &Step) -> Result<Ready> {
        if let Some((number, ready)) = &self.ready
            && *number == step.number
        {
            return Ok(ready.clone());
        }
        self.restore()?;
        let mut ready = Ready::default();
        match self.build(step)? {
            Err(errors) => ready.faults.push(format!("{} does not build:\n{errors}", step.package)),
            Ok(built) => {
                ready.programs = built.tests;
                ready.calls_library = self.calls_library(step)?;
                let all: Vec<_> = step.exercises.iter().collect();
                for (name, verdict) in self.run(step, &all, &ready)? {
                    match verdict {
                        Verdict::Passed => {}
                        Verdict::NotRun(why) => drop(ready.not_run.insert(name, why)),
                        Verdict::Failed(found) => ready.faults.push(format!(
                            "{}: {name} fails with the solution:\n{found}",
                            step.package
                        )),
                    }
                }
            }
        }
        self.ready = Some((step.number, ready.clone()));
        Ok(ready)
    }

    /// What is wrong with the blank.
    fn blank(&mut self, step: &Step, exercise: &Exercise, ready: &Ready) -> Result<Vec<String>> {
        let text = file::read(&self.tree.file(step, exercise))?;
        let id = &exercise.id;
        let blank = region::blank(&text, exercise)?;
        let all: Vec<_> = step.exercises.iter().collect();
        let failed = match self.with(step, exercise, &blank, &all, ready)? {
            Ok(failed) => failed,
            Err(errors) => return Ok(vec![format!("{id}: its blank does not compile:\n{errors}")]),
        };
        let mut faults = Vec::new();
        for name in &exercise.checkpoints {
            if !failed.contains_key(name) && !ready.not_run.contains_key(name) {
                faults.push(format!("{id}: {name} passes with the blank"));
            }
        }
        for (name, found) in &failed {
            if !found.starts_with(&format!("exercise {id}: ")) {
                faults.push(format!(
                    "{id}: {name} fails with the blank, and does not name it:\n{found}"
                ));
            }
        }
        Ok(faults)
    }

    /// What is wrong with how a wrong answer is judged.
    fn answer(
        &mut self,
        step: &Step,
        exercise: &Exercise,
        ready: &Ready,
        answer: &Answer,
    ) -> Result<Option<String>> {
        let (id, name) = (&exercise.id, &answer.name);
        let failed = match self.with(step, exercise, &answer.text, &[exercise], ready)? {
            Ok(failed) => failed,
            Err(errors) => return Ok(Some(format!("{id}: {name} does not compile:\n{errors}"))),
        };
        let names_it = |found: &str| {
            let (ids, _) = found.strip_prefix("exercise ")?.split_once(": ")?;
            ids.split(" or ").any(|one| one == id).then_some(())
        };
        let told = |found: &String| names_it(found).is_some() && answer.is_told_by(found);
        if failed.values().any(told) {
            return Ok(None);
        }
        Ok(Some(match failed.is_empty() {
            true => format!("{id}: {name} passes ({})", answer.wrong),
            false => {
                let found: Vec<_> =
                    failed.iter().map(|(test, found)| format!("{test}: {found}")).collect();
                format!("{id}: of {name} nobody says {:?}, but:\n{}", answer.says, found.join("\n"))
            }
        }))
    }

    /// Which checkpoints of some exercises fail with `new` in a region; the inner error is the
    /// compiler's.
    fn with(
        &mut self,
        step: &Step,
        exercise: &Exercise,
        new: &str,
        checked: &[&Exercise],
        ready: &Ready,
    ) -> Result<Result<Failed, String>> {
        let name = step.path(exercise);
        if self.changed.as_ref().is_some_and(|(path, _)| *path != self.root.join(&name)) {
            self.restore()?;
        }
        let solved = file::read(&self.tree.root.join(&name))?;
        let path = self.root.join(&name);
        let changed = region::replace(&solved, &exercise.id, new)?;
        self.changed = Some((path.clone(), solved));
        file::write(&path, &changed)?;
        if let Err(errors) = self.rebuild(step, ready)? {
            return Ok(Err(errors));
        }
        let mut failed = Failed::new();
        for (name, verdict) in self.run(step, checked, ready)? {
            if let Verdict::Failed(found) = verdict {
                failed.insert(name, found);
            }
        }
        Ok(Ok(failed))
    }

    fn restore(&mut self) -> Result<()> {
        match self.changed.take() {
            Some((path, solved)) => file::write(&path, &solved),
            None => Ok(()),
        }
    }

    /// A step's program, and its test programs with checkpoints.
    fn build(&self, step: &Step) -> Result<Result<Built, String>> {
        let mut names: Vec<_> =
            step.exercises.iter().flat_map(Exercise::tests).map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        cargo::build(self.cargo(), &cargo::tests(&step.package, &names, PROFILE), false)
    }

    /// The same after a change to the step's source. Test programs run the program from where it always
    /// is: they are built anew only if they call the step's library too.
    fn rebuild(&self, step: &Step, ready: &Ready) -> Result<Result<Built, String>> {
        if ready.calls_library {
            return self.build(step);
        }
        cargo::build(self.cargo(), &cargo::programs_as_for_tests(&step.package, PROFILE), false)
    }

    /// Whether a step's tests have a path into the library of a step.
    fn calls_library(&self, step: &Step) -> Result<bool> {
        let steps = self.tree.steps.iter();
        let paths: Vec<_> =
            steps.map(|step| format!("{}::", step.package.replace('-', "_"))).collect();
        for name in copy::files(&self.folder(step), Path::new("tests"))? {
            let text = fs::read_to_string(self.folder(step).join(name)).unwrap_or_default();
            if paths.iter().any(|path| text.contains(path)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn cargo(&self) -> Command {
        let mut command = cargo::cargo(&self.root);
        command.env("CARGO_TARGET_DIR", &self.target).env("CARGO_INCREMENTAL", "1");
        // No debugging information of what is built over and over; that of libraries stays as it is,
        // or they would be built anew.
        let members = self.tree.members().into_iter();
        let plain = members.map(|name| format!("profile.{PROFILE}.package.{name}.debug=0"));
        command.args(plain.flat_map(|setting| ["--config".to_string(), setting]));
        command
    }

    /// Runs the checkpoints of exercises, each by the name that `exercises.toml` has for it.
    fn run(
        &self,
        step: &Step,
        exercises: &[&Exercise],
        ready: &Ready,
    ) -> Result<Vec<(String, Verdict)>> {
        let mut verdicts = Vec::new();
        for (program, path) in &ready.programs {
            let here = |exercise: &&Exercise| {
                let pairs: Vec<_> = exercise.checkpoints.iter().zip(exercise.tests()).collect();
                let ours = pairs.into_iter().filter(|(_, (name, _))| name == program);
                ours.map(|(full, (_, test))| (test.to_string(), full.clone())).collect::<Vec<_>>()
            };
            let names: BTreeMap<String, String> = exercises.iter().flat_map(here).collect();
            if names.is_empty() {
                continue;
            }
            let tests: Vec<_> = names.keys().map(String::as_str).collect();
            let found = trial::run(path, &self.folder(step), &tests)?;
            verdicts.extend(
                found
                    .into_iter()
                    .map(|(test, verdict)| (names.get(&test).unwrap_or(&test).clone(), verdict)),
            );
        }
        Ok(verdicts)
    }

    fn folder(&self, step: &Step) -> PathBuf {
        self.root.join(&step.folder)
    }
}
