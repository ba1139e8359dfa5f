//! `list`: the exercises, and how far the learner is.

use anyhow::Result;

use crate::{
    desk::{Desk, Progress},
    paint,
    tree::{Chosen, Tree},
};

pub fn run(tree: &Tree, step: Option<Chosen>) -> Result<bool> {
    let desk = Desk::of(tree);
    let steps = match step {
        Some(chosen) => vec![tree.choose(chosen)?.0],
        None => tree.steps.iter().collect(),
    };
    for step in steps {
        let started = desk.is_started(step);
        let count = format!("{} exercises", step.exercises.len());
        let count = if started { paint::odd(format!("{count}, started")) } else { count };
        println!("{}  {} ({count})", paint::bold(step.number), step.description);
        for exercise in &step.exercises {
            let (mark, word) = match desk.progress(step, exercise)? {
                Progress::Solution if !started => (" ".into(), String::new()),
                Progress::Solution => (paint::faint("="), paint::faint("the solution")),
                Progress::Blank => ("·".into(), "blank".into()),
                Progress::Begun => (paint::odd("…"), paint::odd("begun")),
                Progress::Written => (paint::odd("?"), paint::odd("written, to be checked")),
                Progress::Passed => (paint::good("✓"), paint::good("passed")),
                Progress::Lost => (paint::bad("!"), paint::bad("its marks are missing")),
            };
            let line = format!("   {mark} {:<5} {:<44} {word}", exercise.id, exercise.title);
            println!("{}", line.trim_end());
        }
    }
    Ok(true)
}
