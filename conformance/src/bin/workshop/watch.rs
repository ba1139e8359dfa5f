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
    check::{self, Copy, Part, Programs},
    paint,
    tree::{Chosen, Tree},
};

const PAUSE: Duration = Duration::from_millis(200);

/// Goes on until it is interrupted.
pub fn run(tree: &Tree, what: Option<Chosen>) -> Result<bool> {
    let mut parts = check::parts(tree, what)?;
    let part = parts.pop().context("nothing to watch")?; // the last of those that were started
    let copy = Copy::of(tree);
    let mut before = Seen::of(tree, &part)?;
    let mut tests = None;
    loop {
        let begun = Instant::now();
        match build(&copy, &part, &mut tests)? {
            Ok(programs) => drop(check::check(&copy, &part, &programs)?),
            Err(errors) => check::does_not_build(part.0, &errors),
        }
        let time = format!("{:.1} s", begun.elapsed().as_secs_f64());
        let waits = format!("waits for a change in {}; Ctrl-C ends this", part.0.folder);
        println!("\n{} {}", paint::bold(waits), paint::faint(time));
        let now = wait(tree, &part, &before);
        if now.elsewhere != before.elsewhere {
            tests = None;
        }
        before = now;
        let clear = if paint::on() { "\x1b[2J\x1b[3J\x1b[H" } else { "\n" };
        print!("{clear}");
    }
}

/// The test programs do not change with the step's source: they run its program. So they are built
/// once, and then the program alone.
fn build(
    copy: &Copy,
    part: &Part,
    tests: &mut Option<Programs>,
) -> Result<Result<Programs, String>> {
    if let Some(programs) = tests {
        return Ok(copy.rebuild(part)?.map(|()| programs.clone()));
    }
    let built = copy.build(part)?;
    *tests = built.clone().ok();
    Ok(built)
}

/// When each file was changed last.
#[derive(PartialEq, Eq)]
struct Seen {
    source: Times,
    elsewhere: Times,
}

type Times = BTreeMap<PathBuf, SystemTime>;

impl Seen {
    fn of(tree: &Tree, (step, _): &Part) -> Result<Self> {
        let folder = tree.root.join(&step.folder);
        let mut seen = Self { source: Times::new(), elsewhere: Times::new() };
        look(&folder.join("src"), &mut seen.source)?;
        look(&folder.join("tests"), &mut seen.elsewhere)?;
        for earlier in tree.steps.iter().filter(|earlier| earlier.number < step.number) {
            look(&tree.root.join(&earlier.folder).join("src"), &mut seen.source)?;
        }
        Ok(seen)
    }
}

/// Waits until a file has changed, and has stayed as it is for a moment: editors write in steps.
fn wait(tree: &Tree, part: &Part, before: &Seen) -> Seen {
    loop {
        thread::sleep(PAUSE);
        let Ok(now) = Seen::of(tree, part) else { continue };
        if now != *before {
            thread::sleep(PAUSE / 4);
            if Seen::of(tree, part).is_ok_and(|again| again == now) {
                return now;
            }
        }
    }
}

/// Adds the Rust files in a folder. What vanishes meanwhile is not there.
fn look(dir: &Path, times: &mut Times) -> Result<()> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(about) = entry.metadata() else { continue };
        if about.is_dir() {
            look(&path, times)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            times.insert(path, about.modified()?);
        }
    }
    Ok(())
}
