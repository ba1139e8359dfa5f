//! `reset`: a step is as it was before it was started.

use anyhow::Result;

use crate::{
    check,
    desk::{Desk, New},
    start::say_kept,
    tree::{Chosen, Tree},
};

pub fn run(tree: &Tree, what: Option<Chosen>) -> Result<bool> {
    let desk = Desk::of(tree);
    for (step, exercises) in check::parts(tree, what)? {
        let mut changed = Vec::new();
        for exercise in &exercises {
            let kept = desk.put(step, exercise, New::Solution)?;
            kept.iter().for_each(|path| say_kept(&exercise.id, path));
        }
        let whole = exercises.len() == step.exercises.len();
        for exercise in exercises.iter().filter(|_| whole) {
            let path = step.path(exercise);
            if desk.is_changed_elsewhere(step, exercise)? && !changed.contains(&path) {
                changed.push(path);
            }
        }
        for path in &changed {
            let path = path.display();
            println!("{path} is still changed outside of the exercises; see `git diff {path}`");
        }
        if whole {
            desk.forget_solutions(step)?;
            println!("step {} has its solutions back", step.number);
        } else {
            exercises.iter().for_each(|exercise| println!("{} has its solution back", exercise.id));
        }
    }
    Ok(true)
}
