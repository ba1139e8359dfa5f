//! The life of a container, command by command: what each does, and when it is refused. See
//! "Operations" in runtime.md of the OCI runtime specification.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use conformance::{Sandbox, expect};
use serde_json::json;

use crate::bundle::Bundle;

const READ: &str = "\"Operations\" in runtime.md of the runtime specification";

/// A container that runs until it is killed.
pub fn sleeper(sandbox: &Sandbox) -> Result<Bundle<'_>> {
    Bundle::new(sandbox, &["sleep", "1000"])
}

/// Waits until it is in this state.
pub fn until(bundle: &Bundle, status: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let state = bundle.state()?;
        if state["status"] == status {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("it does not become {status}: {state}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Who is in it, as the host numbers them.
pub fn processes(bundle: &Bundle) -> Result<Vec<i32>> {
    let outcome = bundle.verb(&["ps", "--format", "json", &bundle.id]).output()?;
    outcome.success()?;
    Ok(serde_json::from_slice(&outcome.stdout)?)
}

/// A verb about it that must fail, and change nothing.
fn refused(bundle: &Bundle, words: &[&str]) -> Result<()> {
    let before = bundle.state()?["status"].clone();
    let outcome = bundle.verb(words).output()?;
    expect::that(&format!("{words:?} is refused"), outcome.success().is_err(), &outcome, READ)?;
    let said = !outcome.stderr.is_empty();
    expect::that(&format!("{words:?} says why"), said, &outcome, READ)?;
    expect::equal(&format!("the status after {words:?}"), &bundle.state()?["status"], before, READ)
}

pub fn a_container_is_created_started_and_deleted(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?.set("annotations", json!({ "a.b": "c" }));
    let pid_file = sandbox.dir().join("pid");
    let _running = bundle.create(&["--pid-file", &pid_file.display().to_string()])?;
    let state = bundle.state()?;
    expect::equal("the status", &state["status"], "created", READ)?;
    expect::equal("the id", &state["id"], bundle.id.as_str(), READ)?;
    expect::equal("the bundle", &state["bundle"], json!(bundle.dir()), READ)?;
    expect::equal("the annotations", &state["annotations"]["a.b"], "c", READ)?;
    expect::equal("the pid file", &fs::read_to_string(&pid_file)?, state["pid"].to_string(), READ)?;
    let process = format!("/proc/{}", state["pid"]);
    ensure!(Path::new(&process).exists(), "there is no {process}");
    bundle.said("start", &[])?;
    expect::equal("the status", &bundle.state()?["status"], "running", READ)?;
    expect::equal("the pid", &bundle.state()?["pid"], state["pid"].clone(), READ)?;
    bundle.said("kill", &["KILL"])?;
    until(&bundle, "stopped")?;
    ensure!(bundle.state()?["pid"].as_i64().unwrap_or(0) == 0, "a stopped one has a pid");
    bundle.said("delete", &[])?;
    bundle.is_gone()?;
    let outcome = bundle.verb(&["state", &bundle.id]).output()?;
    expect::that("there is no state any more", outcome.success().is_err(), &outcome, READ)
}

pub fn one_that_was_not_started_can_be_deleted(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?;
    let running = bundle.create(&[])?;
    let pid = bundle.state()?["pid"].clone();
    bundle.delete()?;
    ensure!(running.descendants().is_empty(), "process {pid} is left");
    Ok(())
}

pub fn what_is_out_of_order_is_refused(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?;
    let _running = bundle.create(&[])?;
    let id = bundle.id.clone();
    let again = bundle.making("create", &[])?.output()?;
    expect::that("an id is taken", again.success().is_err(), &again, READ)?;
    bundle.said("start", &[])?;
    for words in [&["start", &id][..], &["delete", &id], &["resume", &id]] {
        refused(&bundle, words)?;
    }
    bundle.said("kill", &["KILL"])?;
    until(&bundle, "stopped")?;
    let exec = ["exec", &id, "/bin/probe", "exit", "0"];
    for words in [&["start", &id][..], &["kill", &id], &["pause", &id], &exec] {
        refused(&bundle, words)?;
    }
    bundle.said("delete", &[]).map(drop)
}

pub fn an_id_is_no_path(sandbox: &Sandbox) -> Result<()> {
    for id in ["", ".", "..", "a/b", "../a", "/a", "a b", "a\n", "ä"] {
        let mut bundle = sleeper(sandbox)?;
        bundle.id = id.into();
        bundle.write()?;
        let create = bundle.verb(&["create", "--bundle"]).arg(bundle.dir()).args(["--", id]);
        let outcome = create.output()?;
        expect::that(&format!("{id:?} is refused"), outcome.success().is_err(), &outcome, READ)?;
    }
    let left = fs::read_dir(sleeper(sandbox)?.state_root())?.count();
    expect::equal("how many directories of containers are left", &left, 0, READ)?;
    let mut bundle = sleeper(sandbox)?;
    bundle.id = format!("{}-1.2_3+Z", bundle.id);
    let _running = bundle.create(&[])?;
    bundle.delete()
}

pub fn force_deletes_in_every_state(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?;
    bundle.verb(&["delete", "--force", "never-there"]).output()?.success()?;
    let _running = bundle.start()?;
    bundle.delete()?;
    bundle.delete()?;
    let _running = bundle.start()?;
    bundle.said("pause", &[])?;
    bundle.delete()?;
    let _running = bundle.start()?;
    bundle.said("kill", &["KILL"])?;
    until(&bundle, "stopped")?;
    bundle.delete()
}

pub fn a_signal_has_a_name_or_a_number(sandbox: &Sandbox) -> Result<()> {
    for (signal, number) in
        [(None, 15), (Some("TERM"), 15), (Some("SIGUSR1"), 10), (Some("USR2"), 12), (Some("1"), 1)]
    {
        let bundle = Bundle::new(sandbox, &["trap"])?;
        let _running = bundle.start()?;
        let output = bundle.dir().join("output");
        says(&output, "ready\n")?;
        bundle.said("kill", &signal.into_iter().collect::<Vec<_>>())?;
        says(&output, &format!("ready\ngot {number}\n"))?;
        until(&bundle, "stopped")?;
        bundle.delete()?;
    }
    let bundle = sleeper(sandbox)?;
    let _running = bundle.start()?;
    for signal in ["FOO", "SIGFOO", "99", "TERM1"] {
        refused(&bundle, &["kill", &bundle.id, signal])?;
    }
    bundle.delete()
}

/// Waits until a file says just that.
pub fn says(file: &Path, wanted: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        if text == wanted {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{} says {text:?}, not {wanted:?}", file.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn without_a_pid_namespace_all_are_killed_by_all(sandbox: &Sandbox) -> Result<()> {
    let bundle =
        Bundle::new(sandbox, &["seq", "background", "nap", "1000", "--", "sleep", "1000"])?;
    let bundle = bundle.without_namespace("pid");
    let running = bundle.start()?;
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let pids = processes(&bundle)?;
        if pids.len() == 2 {
            break;
        }
        ensure!(Instant::now() < deadline, "there are not two, but {pids:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    bundle.verb(&["kill", "--all", &bundle.id, "KILL"]).output()?.success()?;
    until(&bundle, "stopped")?;
    let deadline = Instant::now() + Duration::from_secs(20);
    while !running.descendants().is_empty() {
        ensure!(Instant::now() < deadline, "some live on");
        std::thread::sleep(Duration::from_millis(5));
    }
    bundle.said("delete", &[]).map(drop)
}

pub fn a_paused_one_stands_still_until_it_is_resumed(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &["trap"])?;
    let _running = bundle.start()?;
    let output = bundle.dir().join("output");
    says(&output, "ready\n")?;
    bundle.said("pause", &[])?;
    expect::equal("the status", &bundle.state()?["status"], "paused", READ)?;
    refused(&bundle, &["exec", &bundle.id, "/bin/probe", "exit", "0"])?;
    bundle.said("kill", &["USR1"])?;
    expect::equal("the status", &bundle.state()?["status"], "paused", READ)?;
    bundle.said("resume", &[])?;
    says(&output, "ready\ngot 10\n")?;
    until(&bundle, "stopped")?;
    bundle.delete()
}

pub fn a_paused_one_can_be_killed(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?;
    let _running = bundle.start()?;
    bundle.said("pause", &[])?;
    bundle.said("kill", &["KILL"])?;
    until(&bundle, "stopped")?;
    bundle.said("delete", &[]).map(drop)
}

pub fn run_ends_as_its_command_does(sandbox: &Sandbox) -> Result<()> {
    for (command, code) in [(["exit", "0"], 0), (["exit", "7"], 7)] {
        Bundle::new(sandbox, &command)?.output()?.code(code)?;
    }
    let bundle = sleeper(sandbox)?;
    let mut run = bundle.making("run", &[])?.spawn()?;
    run.line()?;
    bundle.said("kill", &["KILL"])?;
    run.wait()?.code(128 + 9)?;
    bundle.is_gone()
}

/// What is there is not what its record says.
pub fn a_damaged_record_is_told_and_can_be_deleted(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?;
    for damage in ["", "{", "[]", "{\"id\": 7}"] {
        let running = bundle.start()?;
        fs::write(bundle.state_root().join(&bundle.id).join("record.json"), damage)?;
        for verb in ["state", "start", "delete"] {
            let outcome = bundle.verb(&[verb, &bundle.id]).output()?;
            let line = outcome.error_line(125).with_context(|| format!("{verb} of {damage:?}"))?;
            expect::contains("what is said", &line, "record.json is damaged", READ)?;
        }
        let again = bundle.making("create", &[])?.output()?;
        expect::that("its id is taken", again.success().is_err(), &again, READ)?;
        bundle.delete()?;
        ensure!(running.descendants().is_empty(), "the container lives on");
    }
    Ok(())
}
