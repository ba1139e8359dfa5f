//! Orphans and zombies, and the init that sees to them.

use std::fs;

use anyhow::{Context, Result};
use conformance::{Sandbox, checkpoint::Test, expect};
use serde_json::json;

use super::scene::{INIT, PID, container, step02};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        a_process_1_that_does_not_wait_is_left_with_zombies,
        init_reaps_orphans,
        init_survives_orphans_that_die_of_any_signal,
        init_cannot_be_killed_from_inside,
        init_passes_on_what_comes_from_inside_too,
        init_holds_nothing_open_but_the_callers_three,
    }
}

fn a_process_1_that_does_not_wait_is_left_with_zombies(sandbox: &Sandbox) -> Result<()> {
    let seen = step02(sandbox).probe(["orphans", "5"]).output()?.json()?;
    let zombies = seen["zombies"].as_array().map(Vec::len);
    expect::equal("the number of zombies", &zombies, Some(5), PID)?;
    expect::equal("how many orphans became its children", &seen["adopted"], 5, PID)
}

fn init_reaps_orphans(sandbox: &Sandbox) -> Result<()> {
    let seen = step02(sandbox).arg("--init").probe(["orphans", "50"]).output()?.json()?;
    expect::same("zombies", &seen["zombies"], &json!([]), INIT)?;
    expect::equal("how many orphans became the command's children", &seen["adopted"], 0, INIT)
}

fn init_survives_orphans_that_die_of_any_signal(sandbox: &Sandbox) -> Result<()> {
    for signal in ["1", "9", "15", "34", "64"] {
        let words = ["seq", "orphan", "signal", signal, "--", "nap", "0.2", "--", "exit", "9"];
        let run = step02(sandbox).arg("--init").probe(words);
        run.output()?.code(9).with_context(|| format!("an orphan has died of signal {signal}"))?;
    }
    Ok(())
}

fn init_cannot_be_killed_from_inside(sandbox: &Sandbox) -> Result<()> {
    let words = ["seq", "try", "kill=1,9", "--", "nap", "0.1", "--", "exit", "8"];
    step02(sandbox).arg("--init").probe(words).output()?.code(8).map(drop)
}

/// As other inits do: who tells process 1 to end means the container.
fn init_passes_on_what_comes_from_inside_too(sandbox: &Sandbox) -> Result<()> {
    let words = ["seq", "try", "kill=1,15", "--", "nap", "10"];
    step02(sandbox).arg("--init").probe(words).output()?.code(143).map(drop)
}

fn init_holds_nothing_open_but_the_callers_three(sandbox: &Sandbox) -> Result<()> {
    let mut running =
        step02(sandbox).arg("--init").descriptor(40).probe(["sleep", "60"]).spawn()?;
    running.line()?;
    let init = container(&running)?;
    let mut others = Vec::new();
    for entry in fs::read_dir(format!("/proc/{init}/fd"))? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let target = fs::read_link(&path)?.display().to_string();
        if !["0", "1", "2"].contains(&number) && target != "anon_inode:[signalfd]" {
            others.push(target);
        }
    }
    expect::equal("what else init has open", &others, Vec::<String>::new(), INIT)
}
