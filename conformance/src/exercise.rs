//! The exercises of a step, as its `exercises.toml` tells them, and which of them a failure is about.
//!
//! A test that is the checkpoint of an exercise says so when it fails. If the program under test
//! ran into a `todo!` that the learner has left, then that exercise is named instead: it is not
//! wrong, it is not written yet.

use std::{cell::RefCell, collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;

/// One exercise: a region of the step's source, and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exercise {
    /// As in `3-2`: the step, and the exercise's number in it.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The file with its region, relative to the step's folder.
    pub file: String,
    /// What is to be written there; Markdown.
    pub task: String,
    /// Three of them, from warm to hot.
    pub hints: Vec<String>,
    /// Where to read on: manual pages and flags.
    pub see: Vec<String>,
    /// The tests that must pass: `NAME`, of the test program `checkpoint`, or `PROGRAM::NAME`.
    pub checkpoints: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    exercise: Vec<Exercise>,
}

impl Exercise {
    /// Those of the step in this folder; none if it has no `exercises.toml`.
    pub fn of(folder: &Path) -> Result<Vec<Self>> {
        let path = folder.join("exercises.toml");
        if !path.exists() {
            return Ok(Vec::new());
        }
        let read = || Ok::<_, anyhow::Error>(toml::from_str::<File>(&fs::read_to_string(&path)?)?);
        Ok(read().with_context(|| format!("reading {}", path.display()))?.exercise)
    }

    /// Its checkpoints: test program and test.
    pub fn tests(&self) -> impl Iterator<Item = (&str, &str)> {
        self.checkpoints.iter().map(|name| name.split_once("::").unwrap_or(("checkpoint", name)))
    }

    fn see(&self) -> String {
        format!("See {}.", self.see.join("; "))
    }
}

/// What `todo!` says in a blank: `exercise 3-2: Leave the old root behind`.
const BLANK: &str = "not yet implemented: exercise ";

thread_local! {
    /// The first blank that a program ran into during the test on this thread.
    static BLANK_MET: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A test begins on this thread.
pub(crate) fn begin() {
    BLANK_MET.set(None);
}

/// A program under test has said this: a test that fails because of a blank may not look at it.
pub(crate) fn heard(text: &str) {
    if let Some((_, rest)) = text.split_once(BLANK) {
        BLANK_MET.with_borrow_mut(|met| {
            met.get_or_insert_with(|| rest.to_string());
        });
    }
}

/// A failure of `test`, one of the test program `program` of the package in `folder`, as the
/// learner is to read it.
pub(crate) fn tell(folder: &str, program: &str, test: &str, found: String) -> String {
    heard(&found);
    // A broken list of exercises must not hide what a test found.
    let exercises = Exercise::of(Path::new(folder)).unwrap_or_default();
    let blank = BLANK_MET.take().and_then(|text| blank(&text));
    if let Some((id, title)) = blank {
        let known = exercises.iter().find(|exercise| exercise.id == id);
        let title = known.map_or(title, |exercise| exercise.title.clone());
        let see = known.map(|exercise| format!("\n{}", exercise.see())).unwrap_or_default();
        return format!("exercise {id}: {title:?} is not written yet{see}");
    }
    let checked: BTreeMap<_, _> = exercises
        .iter()
        .filter(|exercise| exercise.tests().any(|one| one == (program, test)))
        .map(|exercise| (exercise.id.as_str(), exercise.see()))
        .collect();
    if checked.is_empty() {
        return found;
    }
    let ids: Vec<_> = checked.keys().copied().collect();
    let mut see: Vec<_> = checked.values().map(String::as_str).collect();
    see.dedup();
    format!("exercise {}: {}\n{}", ids.join(" or "), found.trim_end(), see.join("\n"))
}

/// Id and title in what follows [`BLANK`]; the text may be quoted.
fn blank(text: &str) -> Option<(String, String)> {
    let (id, rest) = text.split_once(": ")?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    id.split_once('-').filter(|(step, exercise)| number(step) && number(exercise))?;
    let title = rest.split(['\n', '"', '\\']).next()?;
    Some((id.to_string(), title.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TempDir;

    const LIST: &str = r#"
[[exercise]]
id = "3-2"
title = "Leave the old root behind"
file = "src/pivot.rs"
task = "Unmount it."
hints = ["a", "b", "c"]
see = ["pivot_root(2)", "umount2(2), MNT_DETACH"]
checkpoints = ["the_old_root_is_gone", "oci::gone"]
"#;

    fn told(test: (&str, &str), found: &str) -> String {
        let dir = TempDir::new("exercises").expect("a temporary directory");
        fs::write(dir.path().join("exercises.toml"), LIST).expect("written");
        tell(dir.path().to_str().expect("UTF-8"), test.0, test.1, found.into())
    }

    #[test]
    fn a_failure_names_its_exercise_and_where_to_read_on() {
        let see = "\nSee pivot_root(2); umount2(2), MNT_DETACH.";
        let wanted = format!("exercise 3-2: it is there{see}");
        assert_eq!(told(("checkpoint", "the_old_root_is_gone"), "it is there"), wanted);
        assert_eq!(told(("oci", "gone"), "it is there\n"), wanted);
        assert_eq!(told(("checkpoint", "gone"), "it is there"), "it is there");
    }

    #[test]
    fn a_blank_is_named_in_place_of_the_test_s_exercise() {
        begin();
        let found = r#"standard error: "x: panicked: not yet implemented: exercise 3-1: Go\n""#;
        let test = ("checkpoint", "the_old_root_is_gone");
        assert_eq!(told(test, found), "exercise 3-1: \"Go\" is not written yet");
        heard("not yet implemented: exercise 3-2: Leave");
        let wanted = "exercise 3-2: \"Leave the old root behind\" is not written yet\nSee ";
        assert!(told(test, "expected 1").starts_with(wanted));
        assert!(told(test, "expected 1").starts_with("exercise 3-2: expected 1"));
        assert!(told(test, "not yet implemented: exercise none").contains("exercise none"));
    }
}
