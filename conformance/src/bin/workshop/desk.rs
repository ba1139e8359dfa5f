//! `.workshop`: what is kept of the solutions and of the learner's own work.
//!
//! | path | what |
//! | --- | --- |
//! | `solutions/FILE` | a source file as it was before the step was started; gone after `reset` |
//! | `kept/3-2/TIME.rs` | what the learner had written in a region when something took its place |
//! | `kept/FILE.TIME` | a whole file of the learner's, in which marks were missing |
//! | `passed/3-2.rs` | a region whose checkpoints have passed |
//! | `hints/3-2` | how many hints were given |
//!
//! Every answer that a command replaces is here first. Nothing of `kept` is ever removed.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use conformance::Exercise;

use crate::{
    file, history, region,
    tree::{Step, Tree},
};

/// How far the learner is with an exercise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The step was not started, or the region is the solution again.
    Solution,
    /// Nothing is written yet.
    Blank,
    /// Something is written, and a `todo!` is left.
    Begun,
    /// Something is written.
    Written,
    /// Something is written, and the checkpoints have passed with it.
    Passed,
    /// The marks of the region are not there.
    Lost,
}

/// The learner's folder in a workspace.
pub struct Desk<'a> {
    tree: &'a Tree,
    dir: PathBuf,
}

impl<'a> Desk<'a> {
    /// That of this workspace. Nothing is made before it is needed.
    pub fn of(tree: &'a Tree) -> Self {
        Self { tree, dir: tree.root.join(".workshop") }
    }

    /// Whether a step was started and not reset.
    pub fn is_started(&self, step: &Step) -> bool {
        step.exercises.iter().any(|exercise| self.saved(step, exercise).exists())
    }

    fn saved(&self, step: &Step, exercise: &Exercise) -> PathBuf {
        self.dir.join("solutions").join(step.path(exercise))
    }

    /// Keeps the solutions of a file before the first of its exercises is made blank.
    pub fn save_solution(&self, step: &Step, exercise: &Exercise) -> Result<()> {
        let saved = self.saved(step, exercise);
        if saved.exists() {
            return Ok(());
        }
        file::write(&saved, &self.pristine(step, exercise)?)
    }

    /// The source file with the solutions of all its exercises.
    pub fn pristine(&self, step: &Step, exercise: &Exercise) -> Result<String> {
        let saved = self.saved(step, exercise);
        if saved.exists() {
            return file::read(&saved);
        }
        let path = step.path(exercise);
        let whole = |text: &str| {
            let same_file = step.exercises.iter().filter(|other| other.file == exercise.file);
            same_file.map(|other| region::of(text, &other.id).map(|text| (other, text))).all(
                |found| found.is_ok_and(|(other, text)| !region::is_unfinished(text, &other.id)),
            )
        };
        let committed = history::pristine(&self.tree.root, &path).filter(|text| whole(text));
        if let Some(text) = committed {
            return Ok(text);
        }
        let text = file::read(&self.tree.root.join(&path))?;
        if !whole(&text) {
            bail!(
                "the solution of {} is neither in {} nor in git: bring that file back as it was",
                exercise.id,
                path.display()
            );
        }
        Ok(text)
    }

    /// The solution of an exercise.
    pub fn solution(&self, step: &Step, exercise: &Exercise) -> Result<String> {
        let text = self.pristine(step, exercise)?;
        Ok(region::of(&text, &exercise.id)?.to_string())
    }

    /// Forgets the solutions of a step that are in their places again. A file may have exercises of
    /// another step too, which is still worked on.
    pub fn forget_solutions(&self, step: &Step) -> Result<()> {
        for exercise in &step.exercises {
            let path = step.path(exercise);
            let text = file::read(&self.tree.root.join(&path))?;
            let all = self.tree.steps.iter();
            let mut all = all.flat_map(|step| step.exercises.iter().map(move |one| (step, one)));
            let blank = all.any(|(step, one)| {
                step.path(one) == path
                    && region::of(&text, &one.id)
                        .is_ok_and(|now| region::is_unfinished(now, &one.id))
            });
            if !blank {
                file::remove(&self.saved(step, exercise))?;
            }
        }
        Ok(())
    }

    /// How far an exercise is.
    pub fn progress(&self, step: &Step, exercise: &Exercise) -> Result<Progress> {
        let text = file::read(&self.tree.file(step, exercise))?;
        let Ok(now) = region::of(&text, &exercise.id) else { return Ok(Progress::Lost) };
        Ok(if !self.saved(step, exercise).exists() && !region::is_unfinished(now, &exercise.id) {
            Progress::Solution
        } else if now == region::blank(&text, exercise)? {
            Progress::Blank
        } else if region::is_unfinished(now, &exercise.id) {
            Progress::Begun
        } else if self.solution(step, exercise).is_ok_and(|solution| solution == now) {
            Progress::Solution
        } else if fs::read_to_string(self.passed(exercise)).is_ok_and(|passed| passed == now) {
            Progress::Passed
        } else {
            Progress::Written
        })
    }

    fn passed(&self, exercise: &Exercise) -> PathBuf {
        self.dir.join("passed").join(format!("{}.rs", exercise.id))
    }

    /// Remembers that the checkpoints of an exercise passed with what is written now.
    pub fn has_passed(&self, step: &Step, exercise: &Exercise) -> Result<()> {
        if self.progress(step, exercise)? != Progress::Written {
            return Ok(());
        }
        let text = file::read(&self.tree.file(step, exercise))?;
        file::write(&self.passed(exercise), region::of(&text, &exercise.id)?)
    }

    /// Puts `new` into an exercise's region. What stands there is kept first, unless it is nothing of
    /// the learner's; where that is, is what is returned, relative to the workspace.
    pub fn put(&self, step: &Step, exercise: &Exercise, new: New) -> Result<Option<PathBuf>> {
        let path = self.tree.file(step, exercise);
        let mut text = fs::read_to_string(&path).unwrap_or_default();
        let mut kept = None;
        match region::of(&text, &exercise.id) {
            Ok(now) => {
                let solution = self.solution(step, exercise)?;
                if now != solution && now != region::blank(&text, exercise)? {
                    let dir = self.dir.join("kept").join(&exercise.id);
                    kept = Some(self.keep(&dir, "", ".rs", now)?);
                }
            }
            // Without its marks nobody can say what is the learner's: the file as a whole is.
            Err(_) => {
                let dir = self.dir.join("kept").join(step.path(exercise));
                if !text.is_empty() {
                    let name = exercise.file.rsplit('/').next().unwrap_or_default();
                    let dir = dir.parent().context("a file without a directory")?;
                    kept = Some(self.keep(dir, &format!("{name}."), "", &text)?);
                }
                text = self.with_blanks_as_they_were(step, exercise, &text)?;
            }
        }
        let new = match new {
            New::Solution => self.solution(step, exercise)?,
            New::Blank => region::blank(&text, exercise)?,
        };
        let replaced = region::replace(&text, &exercise.id, &new)?;
        if fs::read_to_string(&path).ok().as_ref() != Some(&replaced) {
            file::write(&path, &replaced)?;
        }
        Ok(kept)
    }

    /// The pristine file, with what the learner has in the regions that can still be found.
    fn with_blanks_as_they_were(
        &self,
        step: &Step,
        exercise: &Exercise,
        text: &str,
    ) -> Result<String> {
        let mut whole = self.pristine(step, exercise)?;
        for other in step.exercises.iter().filter(|other| other.file == exercise.file) {
            if let Ok(theirs) = region::of(text, &other.id) {
                whole = region::replace(&whole, &other.id, theirs)?;
            }
        }
        Ok(whole)
    }

    fn keep(&self, dir: &Path, before: &str, after: &str, text: &str) -> Result<PathBuf> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = stamp(since_epoch.as_secs());
        let names = (0..).map(|count| match count {
            0 => format!("{before}{time}{after}"),
            _ => format!("{before}{time}.{count}{after}"),
        });
        let mut paths = names.map(|name| dir.join(name));
        let path = paths.find(|path| !path.exists()).context("no name is left")?;
        file::write(&path, text)?;
        Ok(path.strip_prefix(&self.tree.root).unwrap_or(&path).to_owned())
    }

    /// Whether a file differs from its pristine version outside of the exercises.
    pub fn is_changed_elsewhere(&self, step: &Step, exercise: &Exercise) -> Result<bool> {
        Ok(file::read(&self.tree.file(step, exercise))? != self.pristine(step, exercise)?)
    }

    /// The number of hints that were given, counting the one that is about to be.
    pub fn next_hint(&self, exercise: &Exercise) -> Result<usize> {
        let path = self.dir.join("hints").join(&exercise.id);
        let given = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
        let next = given.unwrap_or(0) + 1;
        file::write(&path, &format!("{next}\n"))?;
        Ok(next)
    }
}

/// What comes into a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum New {
    /// As on `main`.
    Solution,
    /// To be filled in.
    Blank,
}

/// Seconds since 1970 as `2026-11-26-054512`, in UTC. See "Seconds Since the Epoch" in POSIX.
fn stamp(seconds: u64) -> String {
    let (days, second) = (seconds / 86400, seconds % 86400);
    let leap =
        |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let (mut year, mut day) = (1970, days);
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{:02}-{hour:02}{minute:02}{second:02}", day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_dates() {
        assert_eq!(stamp(0), "1970-01-01-000000");
        assert_eq!(stamp(951_782_399), "2000-02-28-235959");
        assert_eq!(stamp(951_782_400), "2000-02-29-000000");
        assert_eq!(stamp(1_795_672_800), "2026-11-26-060000");
    }
}
