//! The driver: layers are called at their moments, in their order, whatever fails.
//!
//! The container is one of layers that say where they are, one of which may fail (`src/bin/scene.rs`).

use std::time::Duration;

use anyhow::{Context, Result};
use conformance::{Outcome, Run, Sandbox, checkpoint::Test, expect};
use nix::sys::signal::Signal;

const READ: &str = "step01-uts/src/container.rs, step01-uts/src/layer.rs";
const SCENE: &str = env!("CARGO_BIN_EXE_scene");

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        hooks_go_up_and_release_comes_down,
        the_gate_holds_the_child_until_all_are_attached,
        an_error_in_prepare_releases_all,
        an_error_in_attach_releases_all_and_the_child_does_not_enter,
        an_error_in_enter_comes_back_and_releases_all,
        an_error_in_release_keeps_no_other_layer,
        a_panic_in_the_container_is_no_success,
        a_panic_on_the_host_is_no_success_and_releases_all,
        a_command_that_is_not_there_releases_all,
        a_signal_waits_until_the_command_runs,
        a_signal_does_not_end_the_runtime_before_all_is_released,
        killed_in_any_hook_no_process_is_left,
        killed_while_the_child_enters_no_process_is_left,
        the_wish_to_die_with_the_runtime_outlives_a_change_of_user,
        descriptors_are_inherited_where_that_is_asked_for,
        a_reborn_container_is_waited_for,
    }
}

/// It does little: one that takes long hangs.
fn scene(sandbox: &Sandbox) -> Run<'_> {
    sandbox.run(SCENE).limit(Duration::from_secs(3))
}

fn play(sandbox: &Sandbox, at: &str, fault: &str) -> Result<Outcome> {
    let command = ["/bin/sh", "-c", "echo command; exit 3"];
    scene(sandbox).args([at, fault]).args(command).output()
}

/// What a scene says, hook by hook, in one line.
fn course(outcome: &Outcome) -> String {
    outcome.stdout().lines().collect::<Vec<_>>().join(", ")
}

fn released(outcome: &Outcome) -> Result<()> {
    let all = course(outcome).ends_with(RELEASED);
    expect::that("all layers are released", all, &course(outcome), READ)
}

const UP_TO_COMMAND: &str = "prepare low, prepare middle, prepare high, \
     attach low, attach middle, attach high, enter low, enter middle, enter high, command";
const RELEASED: &str = "release high, release middle, release low";

fn hooks_go_up_and_release_comes_down(sandbox: &Sandbox) -> Result<()> {
    let outcome = play(sandbox, "-", "none")?;
    outcome.code(3)?;
    let wanted = format!("{UP_TO_COMMAND}, ended low middle high, {RELEASED}, {RELEASED}");
    // The container is released by `run`, and once more, without harm, when it is dropped.
    expect::equal(
        "the order of the hooks, up to the command and down again,",
        &course(&outcome),
        wanted,
        READ,
    )
}

fn the_gate_holds_the_child_until_all_are_attached(sandbox: &Sandbox) -> Result<()> {
    let waits = "if it hangs, the child waits at the gate for the host, or the host for the end of \
                 the report, which does not end while this process has a writing end of it too";
    let outcome = play(sandbox, "attach-low", "slow").context(waits)?;
    outcome.code(3)?;
    let course = course(&outcome);
    let held = course.find("attach high") < course.find("enter low");
    expect::that("the child enters when all layers are attached", held, &course, READ)
}

/// A fault in a hook ends the container's making, and every layer is released.
fn fails(sandbox: &Sandbox, at: &str, until: &str) -> Result<()> {
    for (fault, code, message) in [
        ("error", 125, "middle: making trouble\n"),
        ("failure", 126, "middle: a failure with a code of its own\n"),
    ] {
        let outcome = play(sandbox, at, fault)?;
        outcome.code(code)?;
        expect::equal("the error", &outcome.stderr(), message, READ)?;
        let course = course(&outcome);
        let wanted = format!("{until}, {RELEASED}, {RELEASED}");
        expect::equal(&format!("the course after {fault} in {at}"), &course, wanted, READ)?;
    }
    Ok(())
}

fn an_error_in_prepare_releases_all(sandbox: &Sandbox) -> Result<()> {
    fails(sandbox, "prepare-middle", "prepare low, prepare middle")
}

fn an_error_in_attach_releases_all_and_the_child_does_not_enter(sandbox: &Sandbox) -> Result<()> {
    let prepared = "prepare low, prepare middle, prepare high";
    fails(sandbox, "attach-middle", &format!("{prepared}, attach low, attach middle"))
}

fn an_error_in_enter_comes_back_and_releases_all(sandbox: &Sandbox) -> Result<()> {
    let outcome = play(sandbox, "enter-middle", "error")?;
    let told = outcome.stderr() == "middle: making trouble\n";
    expect::that("the host tells the container's error", told, &outcome.to_string(), READ)?;
    let until = UP_TO_COMMAND.replace(", enter high, command", "");
    fails(sandbox, "enter-middle", &until)
}

fn an_error_in_release_keeps_no_other_layer(sandbox: &Sandbox) -> Result<()> {
    let outcome = play(sandbox, "release-middle", "error")?;
    let wanted = format!("{UP_TO_COMMAND}, ended low middle high, {RELEASED}, {RELEASED}");
    let what = format!("the course where a release fails ({outcome})");
    expect::equal(&what, &course(&outcome), wanted, READ)?;
    let what = format!("the error of a release that failed ({outcome})");
    expect::equal(&what, &outcome.stderr(), "middle: making trouble\n", READ)?;
    outcome.code(125).map(drop)
}

fn a_panic_in_the_container_is_no_success(sandbox: &Sandbox) -> Result<()> {
    let outcome = play(sandbox, "enter-middle", "panic")?;
    outcome.code(125)?;
    expect::contains("the error", &outcome.stderr(), "panicked: in trouble\n", READ)?;
    released(&outcome)
}

fn a_panic_on_the_host_is_no_success_and_releases_all(sandbox: &Sandbox) -> Result<()> {
    for at in ["prepare-middle", "attach-middle"] {
        let outcome = play(sandbox, at, "panic")?;
        outcome.code(101)?;
        released(&outcome)?;
    }
    Ok(())
}

fn a_command_that_is_not_there_releases_all(sandbox: &Sandbox) -> Result<()> {
    let run = scene(sandbox).args(["-", "none", "/no/such"]);
    let outcome = run.output()?;
    outcome.code(127)?;
    expect::equal(
        "the error",
        &outcome.stderr(),
        "exec: /no/such: no such file or directory\n",
        READ,
    )?;
    let wanted = format!("{}, {RELEASED}, {RELEASED}", UP_TO_COMMAND.replace(", command", ""));
    expect::equal("the course", &course(&outcome), wanted, READ)
}

fn a_signal_waits_until_the_command_runs(sandbox: &Sandbox) -> Result<()> {
    for at in ["prepare-low", "attach-high"] {
        let run = scene(sandbox).args([at, "SIGTERM"]);
        let outcome = run.arg(sandbox.probe_path()).args(["sleep", "10"]).output()?;
        outcome.code(128 + 15)?;
        released(&outcome)?;
    }
    Ok(())
}

fn a_signal_does_not_end_the_runtime_before_all_is_released(sandbox: &Sandbox) -> Result<()> {
    let outcome = play(sandbox, "release-high", "SIGTERM")?;
    outcome.code(3)?;
    released(&outcome)
}

fn killed_in_any_hook_no_process_is_left(sandbox: &Sandbox) -> Result<()> {
    for at in ["prepare-high", "attach-low", "attach-high", "release-middle"] {
        // A process that outlives its run is an error of the run.
        let outcome = play(sandbox, at, "SIGKILL")?;
        let entered = course(&outcome).contains("enter") && !at.starts_with("release");
        expect::that("the child did not enter", !entered, &course(&outcome), READ)?;
    }
    let outcome = play(sandbox, "enter-high", "SIGKILL")?;
    outcome.code(137)?;
    released(&outcome)
}

fn killed_while_the_child_enters_no_process_is_left(sandbox: &Sandbox) -> Result<()> {
    let run = scene(sandbox).args(["enter-low", "hang", "true"]);
    let mut running = run.spawn()?;
    while running.line()? != "enter low" {}
    running.signal(Signal::SIGKILL)?;
    running.wait().map(drop)
}

fn the_wish_to_die_with_the_runtime_outlives_a_change_of_user(sandbox: &Sandbox) -> Result<()> {
    let run = scene(sandbox).args(["enter-high", "forget"]);
    let mut running = run.arg(sandbox.probe_path()).args(["sleep", "60"]).spawn()?;
    while running.line()? != "ready" {}
    running.signal(Signal::SIGKILL)?;
    running.wait().map(drop)
}

fn descriptors_are_inherited_where_that_is_asked_for(sandbox: &Sandbox) -> Result<()> {
    let run = sandbox.run("/bin/sh").args(["-c", "exec \"$@\" 3</etc 4</usr", "sh"]);
    let run = run.arg(SCENE).args(["preserve", "none"]);
    let outcome = run.arg(sandbox.probe_path()).args(["report", "fds"]).output()?;
    outcome.success()?;
    let report = outcome.stdout().lines().find(|line| line.starts_with('{')).map(str::to_string);
    let seen: serde_json::Value = serde_json::from_str(&report.unwrap_or_default())?;
    expect::equal("descriptor 3", &seen["fds"]["3"], "/etc", READ)?;
    let count = seen["fds"].as_object().map(serde_json::Map::len);
    expect::equal("the number of descriptors", &count, Some(4), READ)
}

fn a_reborn_container_is_waited_for(sandbox: &Sandbox) -> Result<()> {
    let words = ["reborn", "none", "/bin/sh", "-c", "echo second $$; exit 4"];
    let outcome = scene(sandbox).args(words).output()?;
    outcome.code(4)?;
    let number = |word: &str| {
        let text = outcome.stdout();
        let line = text.lines().find_map(|line| line.strip_prefix(word).map(str::to_string));
        line.unwrap_or_default()
    };
    expect::differs(
        "the process",
        &number("second"),
        &number("first"),
        "CLONE_PARENT in clone(2)",
    )?;
    expect::equal("who is attached to", &number("attached"), number("second"), READ)?;
    expect::equal("who is met", &number("met"), number("second"), READ)?;
    let own = ["first", "attached", "entered", "met", "second", "ended"];
    let text = outcome.stdout();
    let words = text.lines().filter_map(|line| line.split(' ').next());
    let order: Vec<_> = words.filter(|word| own.contains(word)).collect();
    expect::equal("the order", &order[..], own, READ)
}
