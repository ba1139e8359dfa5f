//! Orphans and zombies, and the init that sees to them.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use conformance::{Sandbox, checkpoint::Test, expect};
use nix::sys::signal::{Signal, kill};
use serde_json::json;

use super::scene::{INIT, LIMIT, PID, container, step02};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        a_process_1_that_does_not_wait_is_left_with_zombies,
        init_reaps_orphans,
        init_reaps_all_who_have_ended_meanwhile,
        news_of_orphans_are_not_sent_to_the_command,
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
    expect::same("the zombies that are left", &seen["zombies"], &json!([]), INIT)?;
    expect::equal("how many orphans became the command's children", &seen["adopted"], 0, INIT)
}

/// News of children are not counted: of five that end at a time when init does not look, it is told
/// once.
fn init_reaps_all_who_have_ended_meanwhile(sandbox: &Sandbox) -> Result<()> {
    let orphan = ["orphan", "exec", "/bin/sleep", "0.1", "--"];
    let words = ["seq"].into_iter().chain([orphan; 5].into_iter().flatten());
    let run = step02(sandbox).arg("--init").probe(words.chain(["sleep", "10"]));
    let mut running = run.limit(LIMIT).spawn()?;
    running.line()?;
    let init = container(&running)?;
    kill(init, Signal::SIGSTOP)?;
    sleep(Duration::from_millis(300)); // they end
    kill(init, Signal::SIGCONT)?;
    let begun = Instant::now();
    let mut left = running.descendants().len();
    while left > 2 && begun.elapsed() < Duration::from_secs(1) {
        sleep(Duration::from_millis(10));
        left = running.descendants().len();
    }
    running.signal(Signal::SIGTERM)?;
    running.wait()?.code(143)?;
    expect::equal(
        "the number of processes, zombies and all, when five orphans had ended,",
        &left,
        2,
        "wait(2)",
    )
}

fn news_of_orphans_are_not_sent_to_the_command(sandbox: &Sandbox) -> Result<()> {
    let words = ["seq", "orphan", "exec", "/bin/sleep", "0.1", "--", "count-signals", "0.4"];
    let outcome = step02(sandbox).arg("--init").probe(words).output()?;
    let seen = outcome.success()?.stdout();
    expect::equal("what the command was sent when an orphan had ended", &seen, "ready\n[]\n", INIT)
}

fn init_survives_orphans_that_die_of_any_signal(sandbox: &Sandbox) -> Result<()> {
    for signal in ["1", "9", "15", "34", "64"] {
        let words = ["seq", "orphan", "signal", signal, "--", "nap", "0.2", "--", "exit", "9"];
        let run = step02(sandbox).arg("--init").probe(words);
        let died =
            || format!("an orphan has died of signal {signal}, the command has called exit(9)");
        run.output()?.code(9).with_context(died)?;
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
        step02(sandbox).arg("--init").descriptor(40).probe(["sleep", "60"]).limit(LIMIT).spawn()?;
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
    expect::equal(
        "what init still has open, such as the report pipe whose end the host waits for,",
        &others,
        Vec::<String>::new(),
        INIT,
    )
}
