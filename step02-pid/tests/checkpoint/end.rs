//! Signals, and how it ends. See signal(7), pid_namespaces(7).

use std::{thread::sleep, time::Duration};

use anyhow::{Context, Result};
use conformance::{End, Sandbox, checkpoint::Test, expect};
use nix::sys::signal::{Signal, kill};

use super::scene::{INIT, LIMIT, PID, both, container, step02};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        exit_codes_pass_through,
        death_by_signal_n_is_exit_code_128_plus_n,
        process_1_does_not_hear_what_it_has_no_handler_for,
        signals_reach_the_command,
        with_init_a_command_without_handlers_hears_signals,
        many_signals_arrive,
        ctrl_c_arrives_once,
        the_container_dies_with_its_runtime,
        killed_at_any_moment_nothing_is_left,
        an_init_that_is_killed_takes_all_along,
        what_cannot_be_executed_is_told_through_init_too,
    }
}

fn exit_codes_pass_through(sandbox: &Sandbox) -> Result<()> {
    for code in [0, 1, 2, 77, 124, 125, 126, 127, 128, 129, 200, 254, 255] {
        for (how, run) in both(sandbox) {
            let outcome = run.probe(["exit", &code.to_string()]).output()?;
            outcome
                .code(code)
                .with_context(|| format!("the command has called exit({code}) {how}"))?;
        }
    }
    Ok(())
}

fn death_by_signal_n_is_exit_code_128_plus_n(sandbox: &Sandbox) -> Result<()> {
    for signal in [1, 2, 3, 6, 9, 11, 13, 14, 15, 31, 34, 64] {
        let words = ["exec", "/bin/sh", "-c", &format!("ulimit -c 0; kill -{signal} $$")];
        let outcome = step02(sandbox).arg("--init").probe(words).output()?;
        let killed = || format!("the command was killed by signal {signal}, with --init");
        outcome.code(128 + signal).with_context(killed)?;
    }
    Ok(())
}

fn process_1_does_not_hear_what_it_has_no_handler_for(sandbox: &Sandbox) -> Result<()> {
    for signal in [1, 2, 3, 9, 10, 15] {
        let outcome = step02(sandbox).probe(["signal", &signal.to_string()]).output()?;
        outcome.assert().code(0).stdout("survived\n");
    }
    Ok(())
}

fn signals_reach_the_command(sandbox: &Sandbox) -> Result<()> {
    for number in [1, 2, 3, 10, 12, 15, 18, 28, 34, 64] {
        for (how, run) in both(sandbox) {
            let mut running = run.probe(["trap"]).limit(LIMIT).spawn()?;
            running.line()?;
            running.signal_number(number)?;
            let outcome = running.wait().with_context(|| format!("signal {number}, {how}"))?;
            let wanted = format!("ready\ngot {number}\n");
            expect::equal(&format!("what arrived {how}"), &outcome.stdout(), wanted, INIT)?;
            outcome.code(40 + number)?;
        }
    }
    Ok(())
}

/// This is what an init is for: `sleep` handles no signal, and as process 1 would hear none.
fn with_init_a_command_without_handlers_hears_signals(sandbox: &Sandbox) -> Result<()> {
    let mut running = step02(sandbox).arg("--init").probe(["sleep", "60"]).limit(LIMIT).spawn()?;
    running.line()?;
    running.signal(Signal::SIGTERM)?;
    let outcome = running.wait().context("SIGTERM to the runtime is to end the command")?;
    outcome.code(143)?;

    let mut running = step02(sandbox).probe(["sleep", "60"]).spawn()?;
    running.line()?;
    running.signal(Signal::SIGTERM)?;
    sleep(Duration::from_millis(200));
    let command = container(&running)?;
    expect::that("process 1 goes on", kill(command, None).is_ok(), &command, PID)?;
    kill(command, Signal::SIGKILL)?; // which it cannot refuse from outside
    running.wait()?.code(137).map(drop)
}

fn many_signals_arrive(sandbox: &Sandbox) -> Result<()> {
    let script = "n=0; trap 'n=$((n+1)); echo $n' USR1; echo ready; while [ $n -lt 20 ]; do sleep 0.01; done";
    for (_, run) in both(sandbox) {
        let mut running = run.args(["--", "/bin/sh", "-c", script]).spawn()?;
        running.line()?;
        for number in 1..=20 {
            running.signal(Signal::SIGUSR1)?;
            expect::equal(
                "how many have arrived",
                &running.line()?,
                number.to_string().as_str(),
                "",
            )?;
        }
        running.wait()?.success()?;
    }
    Ok(())
}

fn ctrl_c_arrives_once(sandbox: &Sandbox) -> Result<()> {
    for (how, run) in both(sandbox) {
        let mut running = run.probe(["count-signals", "0.4"]).terminal().spawn()?;
        running.line()?;
        running.type_in("\x03")?;
        let outcome = running.wait()?;
        outcome.success()?;
        let what = format!("what arrived after Ctrl-C, which the terminal sends to all, {how}");
        expect::equal(&what, &outcome.stdout().lines().last(), Some("^C[2]"), "termios(3)")?;
    }
    Ok(())
}

fn the_container_dies_with_its_runtime(sandbox: &Sandbox) -> Result<()> {
    for (_, run) in both(sandbox) {
        let words = ["seq", "background", "sleep", "60", "--", "sleep", "60"];
        let mut running = run.probe(words).spawn()?;
        let lines = [running.line()?, running.line()?, running.line()?];
        expect::equal("the number of lines", &lines.len(), 3, "")?;
        running.signal(Signal::SIGKILL)?;
        // A process that outlives its run is an error of `wait`.
        expect::equal("its end", &running.wait()?.end, End::Signal(9), "PR_SET_PDEATHSIG(2const)")?;
    }
    Ok(())
}

fn killed_at_any_moment_nothing_is_left(sandbox: &Sandbox) -> Result<()> {
    for moment in 0..40 {
        for (_, run) in both(sandbox) {
            let words = ["seq", "background", "sleep", "60", "--", "sleep", "60"];
            let running = run.probe(words).spawn()?;
            sleep(Duration::from_micros(moment * 100));
            running.signal(Signal::SIGKILL)?;
            running.wait()?;
        }
    }
    Ok(())
}

fn an_init_that_is_killed_takes_all_along(sandbox: &Sandbox) -> Result<()> {
    let mut running = step02(sandbox).arg("--init").probe(["sleep", "60"]).spawn()?;
    running.line()?;
    kill(container(&running)?, Signal::SIGKILL)?;
    running.wait()?.code(137).map(drop)
}

fn what_cannot_be_executed_is_told_through_init_too(sandbox: &Sandbox) -> Result<()> {
    for (_, run) in both(sandbox) {
        let line = run.args(["--", "no-such-command"]).output()?.error_line(127)?;
        expect::contains(
            "the line",
            &line,
            "step02: exec: no-such-command: executable file not found in PATH",
            "",
        )?;
    }
    for (_, run) in both(sandbox) {
        let line = run.args(["--", "/etc"]).output()?.error_line(126)?;
        expect::equal("the line", &line, "step02: exec: /etc: is a directory", "")?;
    }
    Ok(())
}
