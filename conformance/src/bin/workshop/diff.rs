//! `diff`: what the learner wrote against the solution.

use anyhow::Result;
use similar::{ChangeTag, TextDiff};

use crate::{
    desk::Desk,
    file, paint, region,
    tree::{Chosen, Tree},
};

pub fn run(tree: &Tree, what: Chosen) -> Result<bool> {
    let (step, exercises) = tree.choose(what)?;
    let desk = Desk::of(tree);
    for exercise in exercises {
        let text = file::read(&tree.file(step, exercise))?;
        let yours = region::of(&text, &exercise.id)?;
        let solution = desk.solution(step, exercise)?;
        println!("{} {}", paint::bold(&exercise.id), paint::bold(&exercise.title));
        if yours == solution {
            println!("  no difference");
            continue;
        }
        println!("{}\n{}", paint::bad("- yours"), paint::good("+ the solution"));
        for change in TextDiff::from_lines(yours, &solution).iter_all_changes() {
            let line = change.value().trim_end_matches('\n');
            println!(
                "{}",
                match change.tag() {
                    ChangeTag::Delete => paint::bad(format!("-{line}")),
                    ChangeTag::Insert => paint::good(format!("+{line}")),
                    ChangeTag::Equal => format!(" {line}"),
                }
            );
        }
    }
    Ok(true)
}
