//! `start`: a step's exercises become blank. The other steps stay as they are.

use std::path::Path;

use anyhow::Result;

use crate::{
    desk::{Desk, New, Progress},
    file, paint, region,
    tree::{Chosen, Step, Tree},
};

pub fn run(tree: &Tree, what: Chosen) -> Result<bool> {
    let (step, exercises) = tree.choose(what)?;
    let desk = Desk::of(tree);
    // All solutions are safe before the first blank is made.
    step.exercises.iter().try_for_each(|exercise| desk.save_solution(step, exercise))?;
    println!("{} {}", paint::bold(format!("step {}", step.number)), step.description);
    for exercise in &exercises {
        let kept = desk.put(step, exercise, New::Blank)?;
        let text = file::read(&tree.file(step, exercise))?;
        let place = step.path(exercise);
        let line = region::line(&text, &exercise.id)?;
        println!("  {:<5} {:<44} {}:{line}", exercise.id, exercise.title, place.display());
        kept.iter().for_each(|path| say_kept(&exercise.id, path));
    }
    for earlier in unfinished(tree, &desk, step) {
        println!(
            "{} step {} has blanks, and this step is built on it: cargo workshop solve {0}",
            paint::odd("mind:"),
            earlier.number
        );
    }
    println!("\nRead the tasks where they stand in the code, then");
    println!("  cargo workshop check {}    to see how far you are", step.number);
    println!("  cargo workshop watch {}    to have that done whenever you save", step.number);
    println!("  cargo workshop hint {}   for a hint", exercises[0].id);
    Ok(true)
}

/// Says where something of the learner's is that was replaced.
pub fn say_kept(id: &str, path: &Path) {
    println!("        what you had written for {id} is kept: {}", path.display());
}

/// The steps before this one in which something is left to be written.
fn unfinished<'a>(tree: &'a Tree, desk: &Desk, step: &Step) -> Vec<&'a Step> {
    let left = |step: &Step| {
        step.exercises.iter().any(|exercise| {
            matches!(
                desk.progress(step, exercise),
                Ok(Progress::Blank | Progress::Begun | Progress::Lost)
            )
        })
    };
    let earlier = tree.steps.iter().filter(|earlier| earlier.number < step.number);
    earlier.filter(|step| left(step)).collect()
}
