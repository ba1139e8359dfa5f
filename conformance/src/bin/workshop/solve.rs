//! `solve`: the solution in place of what the learner wrote.

use anyhow::Result;

use crate::{
    desk::{Desk, New},
    start::say_kept,
    tree::{Chosen, Tree},
};

pub fn run(tree: &Tree, what: Chosen) -> Result<bool> {
    let (step, exercises) = tree.choose(what)?;
    let desk = Desk::of(tree);
    for exercise in exercises {
        let kept = desk.put(step, exercise, New::Solution)?;
        let place = step.path(exercise);
        println!("{:<5} the solution is in {}", exercise.id, place.display());
        kept.iter().for_each(|path| say_kept(&exercise.id, path));
    }
    Ok(true)
}
