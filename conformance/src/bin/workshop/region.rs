//! The region of an exercise in a source file: what stands between two marks.
//!
//! ```text
//!     // ANCHOR: exercise-3-2
//!     umount2(old, MntFlags::MNT_DETACH)?;
//!     // ANCHOR_END: exercise-3-2
//! ```

use std::ops::Range;

use anyhow::{Result, bail, ensure};
use conformance::Exercise;

/// Where the lines between the marks are in `text`.
pub fn find(text: &str, id: &str) -> Result<Range<usize>> {
    let begin = mark(text, &format!("// ANCHOR: exercise-{id}"))?;
    let end = mark(text, &format!("// ANCHOR_END: exercise-{id}"))?;
    ensure!(begin.end <= end.start, "the marks of exercise {id} are in the wrong order");
    Ok(begin.end..end.start)
}

/// The one line that is this mark, with its end.
fn mark(text: &str, mark: &str) -> Result<Range<usize>> {
    let mut found = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        if line.trim() == mark {
            ensure!(found.is_none(), "the line `{mark}` is there twice");
            found = Some(start..end);
        }
        start = end;
    }
    match found {
        Some(range) => Ok(range),
        None => bail!("the line `{mark}` is missing"),
    }
}

/// The region's own text.
pub fn of<'a>(text: &'a str, id: &str) -> Result<&'a str> {
    Ok(&text[find(text, id)?])
}

/// The file with something else in the region.
pub fn replace(text: &str, id: &str, new: &str) -> Result<String> {
    let range = find(text, id)?;
    let end = if new.is_empty() || new.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{}{new}{end}{}", &text[..range.start], &text[range.end..]))
}

/// What stands in the region for the learner to fill in: the task, and a `todo!` that names it.
pub fn blank(text: &str, exercise: &Exercise) -> Result<String> {
    let range = find(text, &exercise.id)?;
    let before = text[..range.start].trim_end_matches('\n');
    let mark = before.rsplit('\n').next().unwrap_or_default();
    let indent = &mark[..mark.len() - mark.trim_start().len()];
    let mut blank = String::new();
    for line in exercise.task.trim().lines() {
        blank += format!("{indent}// {line}").trim_end();
        blank.push('\n');
    }
    let code = |line: &&str| !line.is_empty() && !line.starts_with("//");
    let after = text[range.end..].lines().map(str::trim).find(code);
    let end = if after.is_some_and(|line| line.starts_with('}')) { "" } else { ";" };
    let what = format!("exercise {}: {}", exercise.id, exercise.title);
    let what = what.replace('\\', "\\\\").replace('"', "\\\"");
    let what = what.replace('{', "{{").replace('}', "}}");
    blank += &format!("{indent}todo!(\"{what}\"){end}\n");
    Ok(blank)
}

/// Whether a region is not filled in yet: a `todo!` that names the exercise is in it.
pub fn is_unfinished(region: &str, id: &str) -> bool {
    region.contains(&format!("todo!(\"exercise {id}: "))
}

/// The line on which a region begins, counted from 1.
pub fn line(text: &str, id: &str) -> Result<usize> {
    Ok(text[..find(text, id)?.start].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "fn a() {\n    // ANCHOR: exercise-3-2\n    one();\n    two()\n    \
                        // ANCHOR_END: exercise-3-2\n    // ANCHOR_END: a\n}\n";

    fn exercise() -> Exercise {
        Exercise {
            id: "3-2".into(),
            title: "Leave".into(),
            file: "src/a.rs".into(),
            task: "Do one\n\nand two.\n".into(),
            hints: Vec::new(),
            see: Vec::new(),
            checkpoints: Vec::new(),
        }
    }

    #[test]
    fn a_blank_and_back_is_what_was_there() -> Result<()> {
        assert_eq!(of(TEXT, "3-2")?, "    one();\n    two()\n");
        assert_eq!(line(TEXT, "3-2")?, 3);
        let blank = blank(TEXT, &exercise())?;
        let task = "    // Do one\n    //\n    // and two.\n";
        assert_eq!(blank, format!("{task}    todo!(\"exercise 3-2: Leave\")\n"));
        assert!(is_unfinished(&blank, "3-2") && !is_unfinished(&blank, "3-1"));
        let blanked = replace(TEXT, "3-2", &blank)?;
        assert_eq!(of(&blanked, "3-2")?, blank);
        assert_eq!(replace(&blanked, "3-2", of(TEXT, "3-2")?)?, TEXT);
        Ok(())
    }

    #[test]
    fn a_blank_is_a_statement_where_more_follows() -> Result<()> {
        let text = TEXT.replace("// ANCHOR_END: a", "three();");
        assert!(blank(&text, &exercise())?.ends_with("todo!(\"exercise 3-2: Leave\");\n"));
        Ok(())
    }

    #[test]
    fn marks_that_are_missing_twice_or_in_the_wrong_order_are_told() {
        let told = |text: &str| find(text, "3-2").expect_err("a fault").to_string();
        assert!(told("").contains("`// ANCHOR: exercise-3-2` is missing"));
        assert!(told(&TEXT.replace("_END: ex", "_END: x")).contains("ANCHOR_END: exercise-3-2`"));
        assert!(told(&format!("{TEXT}{TEXT}")).contains("twice"));
        let turned = TEXT.replace("ANCHOR:", "x").replace("ANCHOR_END: ex", "ANCHOR: ex");
        let turned = turned.replace("x exercise", "ANCHOR_END: exercise");
        assert!(told(&turned).contains("in the wrong order"));
    }
}
