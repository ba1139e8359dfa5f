//! The workspace: its steps and their exercises.

use std::{
    env, fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result};
use conformance::Exercise;

use crate::Usage;

/// The workspace.
pub struct Tree {
    /// Its folder.
    pub root: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
    /// In the order of the course.
    pub steps: Vec<Step>,
}

/// A step of the course; the final runtime is the last.
pub struct Step {
    /// 1 … 8.
    pub number: u32,
    /// The package, which is also the name of its program.
    pub package: String,
    /// As in `step03-mount`.
    pub folder: String,
    /// What it adds, in a line.
    pub description: String,
    /// From easy to hard.
    pub exercises: Vec<Exercise>,
}

/// A step, `3`, or one of its exercises, `3-2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    step: u32,
    exercise: Option<u32>,
}

impl FromStr for Chosen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number =
            |text: &str| text.parse().map_err(|_| "a step is as in 3, an exercise as in 3-2");
        Ok(match text.split_once('-') {
            Some((step, exercise)) => {
                Self { step: number(step)?, exercise: Some(number(exercise)?) }
            }
            None => Self { step: number(text)?, exercise: None },
        })
    }
}

impl Tree {
    /// The workspace in this folder, or that of the package which cargo runs.
    pub fn find(root: Option<PathBuf>) -> Result<Self> {
        let package = || env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let built_in = || PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let root = root.unwrap_or_else(|| package().unwrap_or_else(built_in).join(".."));
        let named = || format!("looking for the steps in {}", root.display());
        let root = root.canonicalize().with_context(named)?;
        let mut steps = Vec::new();
        for entry in fs::read_dir(&root).with_context(named)? {
            let folder = entry?.file_name().to_string_lossy().into_owned();
            if let Some((number, package)) = step(&folder) {
                steps.push(Step::read(&root, number, package, folder)?);
            }
        }
        steps.sort_by_key(|step| step.number);
        let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let target = target.unwrap_or_else(|| root.join("target"));
        Ok(Self { target: std::path::absolute(target)?, root, steps })
    }

    /// The packages of the workspace.
    pub fn members(&self) -> Vec<&str> {
        self.steps.iter().map(|step| &step.package[..]).chain(["conformance"]).collect()
    }

    /// What is meant: the step, and those of its exercises.
    pub fn choose(&self, chosen: Chosen) -> Result<(&Step, Vec<&Exercise>)> {
        let step = self.steps.iter().find(|step| step.number == chosen.step);
        let last = self.steps.last().map_or(0, |step| step.number);
        let none = || Usage(format!("there is no step {}: there are 1 to {last}", chosen.step));
        let step = step.ok_or_else(none)?;
        let Some(number) = chosen.exercise else {
            if step.exercises.is_empty() {
                return Err(Usage(format!("step {} has no exercises", chosen.step)).into());
            }
            return Ok((step, step.exercises.iter().collect()));
        };
        let id = format!("{}-{number}", chosen.step);
        let exercise = step.exercises.iter().find(|exercise| exercise.id == id);
        let none = || {
            let count = step.exercises.len();
            Usage(format!("there is no exercise {id}: step {} has {count}", chosen.step))
        };
        Ok((step, vec![exercise.ok_or_else(none)?]))
    }

    /// The source file of an exercise.
    pub fn file(&self, step: &Step, exercise: &Exercise) -> PathBuf {
        self.root.join(step.path(exercise))
    }
}

impl Step {
    fn read(root: &Path, number: u32, package: String, folder: String) -> Result<Self> {
        let path = root.join(&folder);
        let manifest = path.join("Cargo.toml");
        let read = || Ok::<_, anyhow::Error>(fs::read_to_string(&manifest)?.parse()?);
        let manifest: toml::Table =
            read().with_context(|| format!("reading {}", manifest.display()))?;
        let description = manifest.get("package").and_then(|package| package.get("description"));
        let description = description.and_then(|text| text.as_str()).unwrap_or_default();
        let exercises = Exercise::of(&path)?;
        Ok(Self { number, package, folder, description: description.to_string(), exercises })
    }

    /// An exercise's source file, relative to the workspace. It may be in the folder of another step,
    /// as in `../step06-cgroups/src/bpf.rs`.
    pub fn path(&self, exercise: &Exercise) -> PathBuf {
        match exercise.file.strip_prefix("../") {
            Some(other) => other.into(),
            None => Path::new(&self.folder).join(&exercise.file),
        }
    }
}

/// Number and package of a step by its folder.
fn step(folder: &str) -> Option<(u32, String)> {
    if folder == "final-runtime" {
        return Some((8, folder.to_string()));
    }
    let (package, _) = folder.split_once('-')?;
    let number = package.strip_prefix("step")?.parse().ok()?;
    Some((number, package.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_known_by_their_folders() {
        assert_eq!(step("step03-mount"), Some((3, "step03".into())));
        assert_eq!(step("final-runtime"), Some((8, "final-runtime".into())));
        assert_eq!(step("conformance"), None);
        assert_eq!(step("stepping-stone"), None);
    }

    #[test]
    fn a_step_or_an_exercise_can_be_chosen() {
        assert_eq!("3".parse(), Ok(Chosen { step: 3, exercise: None }));
        assert_eq!("3-2".parse(), Ok(Chosen { step: 3, exercise: Some(2) }));
        assert!("three".parse::<Chosen>().is_err() && "3-".parse::<Chosen>().is_err());
    }
}
