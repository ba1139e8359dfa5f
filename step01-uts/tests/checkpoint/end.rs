//! How it ends. See wait(2), signal(7).

use std::{thread, time::Duration};

use anyhow::{Context, Result};
use conformance::{End, Sandbox, checkpoint::Test, expect};
use nix::sys::signal::{Signal, kill};

use super::scene::{SIGNALS, step01};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        every_exit_code_passes_through,
        the_commands_exit_code_may_be_one_of_the_runtimes,
        death_by_signal_n_is_exit_code_128_plus_n,
        a_core_dump_is_death_by_signal_too,
        a_caller_that_ignores_its_children_still_gets_the_exit_code,
        signals_reach_the_command,
        ctrl_c_arrives_once,
        news_of_the_command_are_not_sent_to_it,
        the_container_dies_with_its_runtime,
        killed_at_any_moment_nothing_is_left,
        a_container_that_is_killed_is_told_as_such,
    }
}

fn every_exit_code_passes_through(sandbox: &Sandbox) -> Result<()> {
    (0..=255).try_for_each(|code| passes_through(sandbox, code))
}

fn the_commands_exit_code_may_be_one_of_the_runtimes(sandbox: &Sandbox) -> Result<()> {
    [0, 1, 125, 126, 127, 128, 137, 255]
        .into_iter()
        .try_for_each(|code| passes_through(sandbox, code))
}

fn passes_through(sandbox: &Sandbox, code: i32) -> Result<()> {
    let outcome = step01(sandbox).probe(["exit", &code.to_string()]).output()?;
    outcome.code(code).with_context(|| format!("the command has called exit({code})"))?;
    expect::equal("what the runtime says of it", &outcome.stderr(), "", "exit_group(2)")
}

fn death_by_signal_n_is_exit_code_128_plus_n(sandbox: &Sandbox) -> Result<()> {
    for signal in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 31, 34, 40, 64] {
        let words = ["exec", "/bin/sh", "-c", &format!("ulimit -c 0; kill -{signal} $$")];
        let outcome = step01(sandbox).probe(words).output()?;
        outcome
            .code(128 + signal)
            .with_context(|| format!("the command was killed by signal {signal}"))?;
    }
    Ok(())
}

fn a_core_dump_is_death_by_signal_too(sandbox: &Sandbox) -> Result<()> {
    let words = ["exec", "/bin/sh", "-c", "ulimit -c unlimited; kill -3 $$"];
    step01(sandbox).probe(words).output()?.code(131).map(drop)
}

fn a_caller_that_ignores_its_children_still_gets_the_exit_code(sandbox: &Sandbox) -> Result<()> {
    let run = step01(sandbox).ignored(Signal::SIGCHLD).probe(["exit", "5"]);
    run.output()?.code(5).map(drop)
}

fn signals_reach_the_command(sandbox: &Sandbox) -> Result<()> {
    for number in [1, 2, 3, 10, 12, 13, 14, 15, 16, 18, 23, 28, 29, 30, 34, 64] {
        let mut running = step01(sandbox).probe(["trap"]).limit(Duration::from_secs(5)).spawn()?;
        running.line()?;
        running.signal_number(number)?;
        let outcome = running.wait().with_context(|| format!("signal {number} to the runtime"))?;
        expect::equal(
            "what arrived",
            &outcome.stdout(),
            format!("ready\ngot {number}\n"),
            SIGNALS,
        )?;
        outcome.code(40 + number)?;
    }
    Ok(())
}

fn ctrl_c_arrives_once(sandbox: &Sandbox) -> Result<()> {
    let mut running = step01(sandbox).probe(["count-signals", "0.4"]).terminal().spawn()?;
    running.line()?;
    running.type_in("\x03")?;
    let outcome = running.wait()?;
    outcome.success()?;
    let seen = outcome.stdout();
    let what = "what arrived after Ctrl-C, which the terminal sends to both";
    expect::equal(what, &seen.lines().last(), Some("^C[2]"), "termios(3), \"INTR\"")
}

fn news_of_the_command_are_not_sent_to_it(sandbox: &Sandbox) -> Result<()> {
    let mut running = step01(sandbox).probe(["count-signals", "0.4"]).spawn()?;
    running.line()?;
    let command = running.descendants()[0];
    kill(command, Signal::SIGSTOP)?; // of which the runtime is told by SIGCHLD
    thread::sleep(Duration::from_millis(50));
    kill(command, Signal::SIGCONT)?;
    let outcome = running.wait()?;
    let what = "what arrived when SIGCONT was sent to the command, and SIGCHLD to the runtime,";
    expect::equal(what, &outcome.stdout(), "ready\n[18]\n", SIGNALS)
}

fn the_container_dies_with_its_runtime(sandbox: &Sandbox) -> Result<()> {
    let mut running = step01(sandbox).probe(["sleep", "60"]).spawn()?;
    running.line()?;
    running.signal(Signal::SIGKILL)?;
    // A process that outlives its run is an error of `wait`.
    expect::equal("its end", &running.wait()?.end, End::Signal(9), "PR_SET_PDEATHSIG(2const)")
}

fn killed_at_any_moment_nothing_is_left(sandbox: &Sandbox) -> Result<()> {
    for moment in 0..60 {
        let running = step01(sandbox).args(["--hostname", "box"]).probe(["sleep", "60"]).spawn()?;
        thread::sleep(Duration::from_micros(moment * 50));
        running.signal(Signal::SIGKILL)?;
        running.wait()?;
    }
    Ok(())
}

fn a_container_that_is_killed_is_told_as_such(sandbox: &Sandbox) -> Result<()> {
    let mut running = step01(sandbox).probe(["sleep", "60"]).spawn()?;
    running.line()?;
    let command = running.descendants();
    expect::equal("the number of processes under the runtime", &command.len(), 1, "")?;
    kill(command[0], Signal::SIGKILL)?;
    let outcome = running.wait()?;
    outcome.code(137)?;
    expect::equal("what the runtime says of it", &outcome.stderr(), "", "")
}
