//! Wrong answers, and what is to be said of them: `stepNN-*/exercises/3-2/*.rs`.
//!
//! ```text
//! // wrong: the old root stays mounted, since MNT_DETACH is missing
//! // says: the old root is still mounted
//! ```

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::file;

/// A plausible answer to an exercise that is wrong.
pub struct Answer {
    /// The file's name.
    pub name: String,
    /// All of it, which takes the region's place.
    pub text: String,
    /// What is wrong with it.
    pub wrong: String,
    /// A part of what a checkpoint must say of it.
    pub says: String,
}

impl Answer {
    /// Those of an exercise, by name. What one of them lacks is an empty text.
    pub fn all(folder: &Path, id: &str) -> Result<Vec<Self>> {
        let dir = folder.join("exercises").join(id);
        let mut answers = Vec::new();
        let Ok(entries) = fs::read_dir(&dir) else { return Ok(answers) };
        for entry in entries {
            let path = entry.with_context(|| format!("reading {}", dir.display()))?.path();
            if path.extension().is_none_or(|end| end != "rs") {
                continue;
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            answers.push(Self::of(name, file::read(&path)?));
        }
        answers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(answers)
    }

    fn of(name: String, text: String) -> Self {
        let (wrong, says) = (told(&text, "wrong"), told(&text, "says"));
        Self { name, text, wrong, says }
    }

    /// The code without the comments before it.
    pub fn code(&self) -> String {
        let comment = |line: &&str| line.trim_start().starts_with("//");
        self.text.lines().skip_while(comment).map(|line| format!("{line}\n")).collect()
    }

    /// Whether a failure says what it should, however its lines are broken.
    pub fn is_told_by(&self, found: &str) -> bool {
        words(found).contains(&words(&self.says))
    }
}

/// What stands after `// KEY: ` in the comments at the beginning, and in their lines that follow.
fn told(text: &str, key: &str) -> String {
    let comments = text.lines().map_while(|line| line.trim_start().strip_prefix("//"));
    let begin = format!("{key}: ");
    let ends = ["says: ", "wrong: ", "SAFETY: "]; // the last of which belongs to the code
    let mut found: Option<String> = None;
    for line in comments.map(str::trim) {
        match (&mut found, line.strip_prefix(&begin)) {
            (None, Some(rest)) => found = Some(rest.to_string()),
            (None, None) => {}
            (Some(_), _) if ends.iter().any(|end| line.starts_with(end)) => break,
            (Some(found), _) => *found += &format!(" {line}"),
        }
    }
    found.unwrap_or_default().trim().to_string()
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_say_what_is_wrong_and_what_is_said() {
        let text =
            "    // wrong: it is\n    // forgotten\n    // says: it is\n    call();\n    // x\n";
        let answer = Answer::of("a.rs".into(), text.into());
        assert_eq!((&answer.wrong[..], &answer.says[..]), ("it is forgotten", "it is"));
        assert_eq!(answer.code(), "    call();\n    // x\n");
        assert!(answer.is_told_by("here it\n    is.") && !answer.is_told_by("it was"));
        let unsafe_code = "// wrong: a\n// says: it is\n// SAFETY: none.\nunsafe {}\n";
        assert_eq!(Answer::of("b.rs".into(), unsafe_code.into()).says, "it is");
        assert_eq!(Answer::of("c.rs".into(), "call();\n".into()).says, "");
    }
}
