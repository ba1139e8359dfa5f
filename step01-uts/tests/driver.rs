//! The driver: layers are called at their moments, in their order, whatever fails.
//!
//! The driver forks, so it is not for a process of many threads as a test harness is. Each test
//! runs this program again, to play one scene: a container of layers that say where they are, one
//! of which may fail.

use std::{process::ExitCode, thread::sleep, time::Duration};

use anyhow::{Result, bail};
use conformance::{Outcome, Sandbox, expect};
use nix::{
    errno::Errno,
    sys::{
        prctl::set_pdeathsig,
        signal::{Signal, kill, raise},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};
use step01::{Container, Explain, Failure, Layer, Process, Side, Stack};

const READ: &str = "step01-uts/src/container.rs, step01-uts/src/layer.rs";

/// A layer that tells each of its hooks, and does `fault`, once, in the hook `at`.
struct Telling {
    name: &'static str,
    at: String,
    fault: String,
}

impl Telling {
    fn tell(&mut self, hook: &str) -> Result<()> {
        println!("{hook} {}", self.name);
        if self.at != format!("{hook}-{}", self.name) {
            return Ok(());
        }
        match std::mem::take(&mut self.fault).as_str() {
            "" => Ok(()),
            "error" => bail!("making trouble"),
            "failure" => Err(Failure::new(126, "a failure with a code of its own").into()),
            "panic" => panic!("in trouble"),
            "SIGTERM" => Ok(raise(Signal::SIGTERM)?),
            "SIGKILL" => Ok(raise(Signal::SIGKILL)?),
            "hang" => loop {
                sleep(Duration::from_secs(1));
            },
            "forget" => Ok(set_pdeathsig(None)?), // as a change of user does
            fault => bail!("nobody knows the fault {fault}"),
        }
    }
}

impl Layer for Telling {
    fn name(&self) -> &'static str {
        self.name
    }
    fn prepare(&mut self, _: &Explain) -> Result<()> {
        self.tell("prepare")
    }
    fn attach(&mut self, _: &Explain, child: Pid) -> Result<()> {
        kill(child, None)?; // it lives
        self.tell("attach")
    }
    fn enter(&mut self, _: &Explain) -> Result<()> {
        self.tell("enter")
    }
    fn release(&mut self, _: &Explain) -> Result<()> {
        self.tell("release")
    }
}

/// A layer whose command goes on in a sibling of the container's first process.
struct Reborn;

impl Layer for Reborn {
    fn name(&self) -> &'static str {
        "reborn"
    }
    fn joins(&self) -> bool {
        true
    }
    fn join(&mut self, _: &Explain) -> Result<()> {
        println!("first {}", std::process::id());
        Ok(())
    }
    fn attach(&mut self, _: &Explain, child: Pid) -> Result<()> {
        println!("attached {child}");
        Ok(())
    }
    fn enter(&mut self, _: &Explain) -> Result<()> {
        println!("entered");
        Ok(())
    }
    fn meets(&self) -> bool {
        true
    }
    fn meet(&mut self, _: &Explain, child: Pid) -> Result<()> {
        println!("met {child}");
        Ok(())
    }
}

/// `scene HOOK-LAYER FAULT COMMAND…`, with the layers `low`, `middle` and `high`. A child that is
/// left, be it a zombie, is told of.
fn scene(args: Vec<String>) -> ExitCode {
    let [at, fault, command @ ..] = &args[..] else { return ExitCode::from(99) };
    let mut stack = Stack::default();
    if at == "reborn" {
        stack.bottom(Reborn);
    }
    for name in ["low", "middle", "high"] {
        stack.top(Telling { name, at: at.clone(), fault: fault.clone() });
    }
    let mut process = Process::new(command.iter().map(Into::into).collect());
    process.preserve_fds = u32::from(at == "preserve");
    let mut container = Container::new(process, Explain::new(false));
    container.stack = stack;
    container.when_ended(|stack, explain| {
        explain.at(Side::Host, "").say("");
        println!("ended {}", stack.names().join(" "));
        Ok(())
    });
    let result = container.run();
    if waitpid(None, Some(WaitPidFlag::WNOHANG)) != Err(Errno::ECHILD) {
        println!("a child is left");
    }
    match result {
        Ok(status) => ExitCode::from(status.code()),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(Failure::code_of(&error))
        }
    }
}

fn play(sandbox: &Sandbox, at: &str, fault: &str) -> Result<Outcome> {
    let command = ["/bin/sh", "-c", "echo command; exit 3"];
    sandbox.run(std::env::current_exe()?).args(["scene", at, fault]).args(command).output()
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
    let outcome = play(sandbox, "nowhere", "none")?;
    outcome.code(3)?;
    let wanted = format!("{UP_TO_COMMAND}, ended low middle high, {RELEASED}, {RELEASED}");
    // The container is released by `run`, and once more, without harm, when it is dropped.
    expect::equal("the course of a container", &course(&outcome), wanted, READ)
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
    let until = UP_TO_COMMAND.replace(", enter high, command", "");
    fails(sandbox, "enter-middle", &until)
}

fn an_error_in_release_keeps_no_other_layer(sandbox: &Sandbox) -> Result<()> {
    let outcome = play(sandbox, "release-middle", "error")?;
    outcome.code(125)?;
    expect::equal("the error", &outcome.stderr(), "middle: making trouble\n", READ)?;
    let wanted = format!("{UP_TO_COMMAND}, ended low middle high, {RELEASED}, {RELEASED}");
    expect::equal("the course", &course(&outcome), wanted, READ)
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
    let run = sandbox.run(std::env::current_exe()?).args(["scene", "nowhere", "none", "/no/such"]);
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
        let run = sandbox.run(std::env::current_exe()?).args(["scene", at, "SIGTERM"]);
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
    let run = sandbox.run(std::env::current_exe()?).args(["scene", "enter-low", "hang", "true"]);
    let mut running = run.spawn()?;
    while running.line()? != "enter low" {}
    running.signal(Signal::SIGKILL)?;
    running.wait().map(drop)
}

fn the_wish_to_die_with_the_runtime_outlives_a_change_of_user(sandbox: &Sandbox) -> Result<()> {
    let run = sandbox.run(std::env::current_exe()?).args(["scene", "enter-high", "forget"]);
    let mut running = run.arg(sandbox.probe_path()).args(["sleep", "60"]).spawn()?;
    while running.line()? != "ready" {}
    running.signal(Signal::SIGKILL)?;
    running.wait().map(drop)
}

fn descriptors_are_inherited_where_that_is_asked_for(sandbox: &Sandbox) -> Result<()> {
    let run = sandbox.run("/bin/sh").args(["-c", "exec \"$@\" 3</etc 4</usr", "sh"]);
    let run = run.arg(std::env::current_exe()?).args(["scene", "preserve", "none"]);
    let outcome = run.arg(sandbox.probe_path()).args(["report", "fds"]).output()?;
    outcome.success()?;
    let report = outcome.stdout().lines().find(|line| line.starts_with('{')).map(str::to_string);
    let seen: serde_json::Value = serde_json::from_str(&report.unwrap_or_default())?;
    expect::equal("descriptor 3", &seen["fds"]["3"], "/etc", READ)?;
    let count = seen["fds"].as_object().map(serde_json::Map::len);
    expect::equal("the number of descriptors", &count, Some(4), READ)
}

fn a_reborn_container_is_waited_for(sandbox: &Sandbox) -> Result<()> {
    let words = ["scene", "reborn", "none", "/bin/sh", "-c", "echo second $$; exit 4"];
    let outcome = sandbox.run(std::env::current_exe()?).args(words).output()?;
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

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some("scene") {
        return scene(args.collect());
    }
    conformance::checkpoint::main(conformance::tests! {
        hooks_go_up_and_release_comes_down,
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
    })
}
