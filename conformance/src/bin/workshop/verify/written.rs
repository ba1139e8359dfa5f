//! What can be seen of the exercises without building anything.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use conformance::Exercise;

use super::answer::Answer;
use crate::{
    file, region,
    tree::{Step, Tree},
};

/// At least so many exercises in a step, and wrong answers to each.
const EXERCISES: usize = 4;
const ANSWERS: usize = 3;

/// All faults, each as a line.
pub fn faults(tree: &Tree) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let pages = pages(&tree.root)?;
    for step in &tree.steps {
        let count = step.exercises.len();
        if count < EXERCISES {
            faults.push(format!(
                "{}: {count} exercises, of which there should be {EXERCISES}",
                step.folder
            ));
        }
        for (exercise, number) in step.exercises.iter().zip(1..) {
            let wanted = format!("{}-{number}", step.number);
            if exercise.id != wanted {
                faults.push(format!("{}: {} should be {wanted}", step.folder, exercise.id));
            }
            let mut found = described(exercise);
            found.extend(marked(tree, step, exercise));
            found.extend(answers(tree, step, exercise)?);
            found.extend(shown(&pages, step, exercise));
            faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", exercise.id)));
        }
        faults.extend(strays(tree, step)?);
    }
    Ok(faults)
}

fn described(exercise: &Exercise) -> Vec<String> {
    let mut faults = Vec::new();
    let mut must = |good: bool, fault: &str| {
        if !good {
            faults.push(fault.to_string());
        }
    };
    must(exercise.hints.len() == 3, "there should be three hints");
    must(exercise.hints.iter().all(|hint| !hint.trim().is_empty()), "a hint is empty");
    must(!exercise.title.trim().is_empty(), "it has no title");
    must(!exercise.title.contains(['{', '}', '"', '\\', '\n']), "its title has braces or quotes");
    must(!exercise.task.trim().is_empty(), "it has no task");
    must(!exercise.see.is_empty(), "it does not say where to read on");
    must(!exercise.checkpoints.is_empty(), "it has no checkpoint");
    faults
}

/// The region: it is there once, filled in, and a blank in its place can be taken back.
fn marked(tree: &Tree, step: &Step, exercise: &Exercise) -> Vec<String> {
    let id = &exercise.id;
    let look = || -> Result<Vec<String>> {
        let text = file::read(&tree.file(step, exercise))?;
        let solution = region::of(&text, id)?;
        let mut faults = Vec::new();
        if region::is_unfinished(solution, id) {
            faults.push(format!("it is blank here: cargo workshop reset {}", step.number));
        }
        if solution.trim().is_empty() {
            faults.push("nothing stands between its marks".into());
        }
        if let Some(mark) = torn(solution) {
            faults.push(format!("the mark of {mark} is inside, and its other one is not"));
        }
        let blank = region::blank(&text, exercise)?;
        let back = region::replace(&region::replace(&text, id, &blank)?, id, solution)?;
        if back != text {
            faults.push("blank and back is not what it was".into());
        }
        Ok(faults)
    };
    look().unwrap_or_else(|error| vec![format!("{}: {error:#}", step.path(exercise).display())])
}

/// A region of the book that would be torn by a blank.
fn torn(solution: &str) -> Option<String> {
    let marks = |kind: &str| -> BTreeSet<String> {
        let names = solution.lines().filter_map(|line| line.trim().strip_prefix(kind));
        names.map(String::from).collect()
    };
    let (begun, ended) = (marks("// ANCHOR: "), marks("// ANCHOR_END: "));
    begun.symmetric_difference(&ended).next().cloned()
}

fn answers(tree: &Tree, step: &Step, exercise: &Exercise) -> Result<Vec<String>> {
    let answers = Answer::all(&tree.root.join(&step.folder), &exercise.id)?;
    let text = fs::read_to_string(tree.file(step, exercise)).unwrap_or_default();
    let solution = region::of(&text, &exercise.id).unwrap_or_default();
    let plain = |code: &str| code.split_whitespace().collect::<String>();
    let mut faults = Vec::new();
    if answers.len() < ANSWERS {
        let count = answers.len();
        faults.push(format!("{count} wrong answers, of which there should be {ANSWERS}"));
    }
    for answer in &answers {
        let name = &answer.name;
        if answer.wrong.is_empty() || answer.says.is_empty() {
            faults.push(format!("{name} does not begin with `// wrong: …` and `// says: …`"));
        }
        if plain(&answer.code()) == plain(solution) {
            faults.push(format!("{name} is the solution"));
        }
        if answer.text.contains("ANCHOR") {
            faults.push(format!("{name} has marks"));
        }
    }
    Ok(faults)
}

/// Pages of the book, by name.
fn pages(root: &Path) -> Result<Vec<(String, String)>> {
    let page = |path: PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, file::read(&path)?))
    };
    files(&root.join("book/src"), "md")?.into_iter().map(page).collect()
}

/// The step's chapter includes the solution. The final runtime has several chapters.
fn shown(pages: &[(String, String)], step: &Step, exercise: &Exercise) -> Option<String> {
    let include = format!("{}:exercise-{}}}}}", exercise.file, exercise.id);
    let is_last = !step.folder.starts_with("step");
    let mut chapters = pages.iter().filter(|(name, _)| is_last || *name == step.folder);
    let is_shown = chapters.any(|(_, text)| text.contains(&include));
    (!is_shown).then(|| format!("no page shows {{{{#include …{include}"))
}

/// Wrong answers of exercises that the step's `exercises.toml` does not know, and marks of such that none
/// of them knows.
fn strays(tree: &Tree, step: &Step) -> Result<Vec<String>> {
    let folder = tree.root.join(&step.folder);
    let known: BTreeSet<_> = step.exercises.iter().map(|exercise| exercise.id.clone()).collect();
    let mut strays = Vec::new();
    for entry in fs::read_dir(folder.join("exercises")).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !known.contains(&name) {
            strays.push(format!("{}/exercises/{name}: there is no such exercise", step.folder));
        }
    }
    let all = tree.steps.iter().flat_map(|step| &step.exercises);
    let known: BTreeSet<_> = all.map(|exercise| exercise.id.as_str()).collect();
    for path in files(&folder.join("src"), "rs")? {
        let text = file::read(&path)?;
        let marks =
            text.lines().filter_map(|line| line.trim().strip_prefix("// ANCHOR: exercise-"));
        for id in marks.filter(|id| !known.contains(*id)) {
            strays.push(format!("{}: exercises.toml has no exercise {id}", path.display()));
        }
    }
    Ok(strays)
}

/// Those below a folder whose names end so.
fn files(dir: &Path, end: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path, end)?);
        } else if path.extension().is_some_and(|ends| ends == end) {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::torn;

    #[test]
    fn a_region_that_a_blank_would_tear_is_found() {
        assert_eq!(torn("// ANCHOR: a\nx\n// ANCHOR_END: a\n"), None);
        assert_eq!(torn("  // ANCHOR: a\nx\n"), Some("a".into()));
        assert_eq!(torn("x\n  // ANCHOR_END: b\n"), Some("b".into()));
    }
}
