//! The solutions as git has them: for a learner who has committed blanks, or has changed a solution
//! before a step was started. See gitrevisions(7), git-log(1) "-S".

use std::{path::Path, process::Command};

/// A file as it was committed: by the current commit, or before the first commit that made an
/// exercise of it blank. `None` without git, or if it knows no such file.
pub fn pristine(root: &Path, file: &Path) -> Option<String> {
    let file = file.display().to_string();
    // Learners commit what they like on top of a blank: what counts is the oldest.
    let blanks = ["log", "--format=%H", "-Stodo!(\"exercise ", "--", &file];
    let oldest = git(root, &blanks)?.lines().last().map(|commit| format!("{commit}^"));
    let commit = oldest.unwrap_or_else(|| "HEAD".into());
    git(root, &["show", &format!("{commit}:./{file}")])
}

fn git(root: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok())?
}
