//! `hint`: what is to be done, and hints that get warmer from call to call.

use anyhow::Result;

use crate::{
    Usage,
    desk::Desk,
    paint,
    tree::{Chosen, Tree},
};

pub fn run(tree: &Tree, what: Chosen, all: bool) -> Result<bool> {
    let (step, exercises) = tree.choose(what)?;
    let [exercise] = exercises[..] else {
        let first = &exercises[0].id;
        return Err(Usage(format!("a hint is for one exercise, as in {first}")).into());
    };
    let count = exercise.hints.len();
    let shown = if all { count } else { Desk::of(tree).next_hint(exercise)?.min(count) };
    println!("{} {}", paint::bold(&exercise.id), paint::bold(&exercise.title));
    println!("{}\n", paint::faint(step.path(exercise).display()));
    println!("{}\n", exercise.task.trim());
    for (hint, number) in exercise.hints.iter().zip(1..).take(shown) {
        println!("{} {}", paint::odd(format!("hint {number} of {count}:")), hint.trim());
    }
    println!("\nSee {}.", exercise.see.join("; "));
    if shown == count {
        println!("That was the last hint. The solution: cargo workshop solve {}", exercise.id);
    }
    Ok(true)
}
