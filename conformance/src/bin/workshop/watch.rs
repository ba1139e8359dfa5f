//! `watch`: checks again whenever a file of the step changes.
//!
//! Files are looked at a few times a second: editors write in too many ways for anything cleverer,
//! and a step has few files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};

use crate::{
    check::{self, Copy, Part},
    paint,
    tree::{Chosen, Tree},
};

const PAUSE: Duration = Duration::from_millis(200);

/// Goes on until it is interrupted.
pub fn run(tree: &Tree, what: Option<Chosen>) -> Result<bool> {
    let mut parts = check::parts(tree, what)?;
    let part = parts.pop().context("nothing to watch")?; // the last of those that were started
    let copy = Copy::of(tree);
    let mut before = Times::new();
    look(tree, &part, &mut before);
    loop {
        let begun = Instant::now();
        check::build_and_check(&copy, &part)?;
        let time = format!("{:.1} s", begun.elapsed().as_secs_f64());
        let waits = format!("waits for a change in {}; Ctrl-C ends this", part.0.folder);
        println!("\n{} {}", paint::bold(waits), paint::faint(time));
        before = wait(tree, &part, &before);
        let clear = if paint::on() { "\x1b[2J\x1b[3J\x1b[H" } else { "\n" };
        print!("{clear}");
    }
}

/// When each file was changed last.
type Times = BTreeMap<PathBuf, SystemTime>;

/// Waits until a file has changed, and has stayed as it is for a moment: editors write in steps.
fn wait(tree: &Tree, part: &Part, before: &Times) -> Times {
    let seen = || {
        let mut times = Times::new();
        look(tree, part, &mut times);
        times
    };
    loop {
        thread::sleep(PAUSE);
        let now = seen();
        if now != *before {
            thread::sleep(PAUSE / 4);
            if seen() == now {
                return now;
            }
        }
    }
}

/// The files that a step is made of: its own, and those of the steps before it.
fn look(tree: &Tree, (step, _): &Part, times: &mut Times) {
    for earlier in tree.steps.iter().filter(|earlier| earlier.number <= step.number) {
        look_in(&tree.root.join(&earlier.folder).join("src"), times);
    }
    look_in(&tree.root.join(&step.folder).join("tests"), times);
}

/// Adds the Rust files in a folder. What vanishes meanwhile is not there.
fn look_in(dir: &Path, times: &mut Times) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(about) = entry.metadata() else { continue };
        if about.is_dir() {
            look_in(&path, times);
        } else if path.extension().is_some_and(|end| end == "rs")
            && let Ok(time) = about.modified()
        {
            times.insert(path, time);
        }
    }
}
