//! Containers in the background, and the verbs that look after them.

use std::{thread::sleep, time::Duration};

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect, unprivileged};

use crate::scene::{remove, run, said, start, verb};

const SLEEP: [&str; 4] = ["base", "/probe", "sleep", "60"];

fn life(sandbox: &Sandbox) -> Result<()> {
    let (id, _running) = start(sandbox, &[&["--name", "web"][..], &SLEEP].concat())?;
    let list = said(sandbox, &["ps"])?;
    for part in [&id, "base", "Up ", "web"] {
        expect::contains("ps", &list, part, "")?;
    }
    let exec = verb(sandbox, &["exec", "web", "/probe", "exit", "9"]);
    exec.output()?.code(9)?;
    said(sandbox, &["stop", "--time", "1", "web"])?;
    expect::equal("ps", &said(sandbox, &["ps", "--quiet"])?, "", "")?;
    expect::contains("ps --all", &said(sandbox, &["ps", "-a"])?, "Exited (137)", "")?;
    let line = verb(sandbox, &["exec", "web", "true"]).output()?.error_line(125)?;
    expect::contains("exec in a stopped one", &line, "not running", "")?;
    remove(sandbox, &id[..5])
}

pub fn a_container_lives_in_the_background(sandbox: &Sandbox) -> Result<()> {
    life(sandbox)
}

pub fn an_ordinary_user_looks_after_containers_too() -> Result<()> {
    unprivileged(life)
}

pub fn exec_joins_every_namespace(sandbox: &Sandbox) -> Result<()> {
    let (id, _running) = start(sandbox, &SLEEP)?;
    let outside = sandbox.probe(["report"]).output()?.json()?;
    let joined = verb(sandbox, &["exec", &id, "/probe", "report"]).output()?.json()?;
    for kind in ["uts", "ipc", "pid", "mnt", "net", "cgroup"] {
        let (joined, outside) = (&joined["namespaces"][kind], &outside["namespaces"][kind]);
        expect::differs(&format!("the {kind} namespace"), joined, outside, "setns(2)")?;
    }
    expect::equal("the host name", &joined["hostname"], id.as_str(), "setns(2)")?;
    let processes = joined["processes"].as_object().context("processes")?;
    ensure!(processes.len() == 2, "exec sees the processes {processes:?}");
    let groups = joined["cgroup"].as_array().context("groups")?;
    let own = groups.iter().all(|line| line.as_str().is_some_and(|line| line.ends_with(":/")));
    expect::that("its groups are the container's", own, groups, "cgroup_namespaces(7)")?;
    remove(sandbox, &id)
}

pub fn exec_has_a_user_an_environment_and_an_exit_code(sandbox: &Sandbox) -> Result<()> {
    let flags = ["-e", "A=1", "-e", "B=2", "-w", "/usr"];
    let (id, _running) = start(sandbox, &[&flags[..], &SLEEP].concat())?;
    let plain = verb(sandbox, &["exec", &id, "sh", "-c", "echo $A $B $CANARY; pwd"]);
    let plain = plain.env("CANARY", "of the host").output()?;
    expect::equal("what it says", &plain.success()?.stdout(), "1 2\n/usr\n", "")?;
    let script = "echo $A $B $C; pwd; exit 3";
    let flags = ["exec", "-e", "B=3", "-e", "C=4", "-w", "/etc", &id, "sh", "-c", script];
    let outcome = verb(sandbox, &flags).output()?;
    expect::equal("what it says", &outcome.code(3)?.stdout(), "1 3 4\n/etc\n", "")?;
    verb(sandbox, &["exec", &id, "nosuch"]).output()?.code(127)?;
    if !sandbox.has_user_namespace() {
        let flags = ["exec", "-u", "7:8", &id, "/probe", "report"];
        let report = verb(sandbox, &flags).output()?.json()?;
        expect::contains("the user", &report["uid"].to_string(), "7", "credentials(7)")?;
        let flags = ["exec", "-u", "nobody", &id, "/probe", "report"];
        let report = verb(sandbox, &flags).output()?.json()?;
        expect::equal("the user", &report["uid"]["effective"], 65534, "credentials(7)")?;
        expect::equal("HOME", &report["env"]["HOME"], "/nonexistent", "passwd(5)")?;
    }
    remove(sandbox, &id)
}

pub fn exec_reads_input_only_if_asked_to(sandbox: &Sandbox) -> Result<()> {
    let (id, _running) = start(sandbox, &SLEEP)?;
    for (flags, read) in [(&["exec"][..], ""), (&["exec", "-i"], "typed")] {
        let cat = verb(sandbox, flags).args([&id, "cat"]).stdin("typed").output()?;
        expect::equal(&format!("what {flags:?} reads"), &cat.success()?.stdout(), read, "")?;
    }
    remove(sandbox, &id)
}

pub fn exec_goes_on_in_the_background(sandbox: &Sandbox) -> Result<()> {
    let (id, _running) = start(sandbox, &SLEEP)?;
    let flags = ["exec", "--detach", &id, "/probe", "sleep", "50"];
    let (outcome, _second) = verb(sandbox, &flags).detaching().spawn()?.leave()?;
    expect::equal("what it says", &outcome.success()?.stdout(), "", "")?;
    let report = verb(sandbox, &["exec", &id, "/probe", "report", "processes"]).output()?.json()?;
    let processes = report["processes"].as_object().context("processes")?;
    ensure!(processes.len() == 3, "the container's processes are {processes:?}");
    let line = verb(sandbox, &["exec", "-d", &id, "nosuch"]).output()?.error_line(127)?;
    expect::contains(
        "one that cannot start",
        &line,
        "exec: nosuch: executable file not found",
        "",
    )?;
    remove(sandbox, &id)
}

pub fn exec_leaves_no_descriptor_and_no_capability_behind(sandbox: &Sandbox) -> Result<()> {
    let (id, _running) = start(sandbox, &SLEEP)?;
    let joined = verb(sandbox, &["exec", &id, "/probe", "report"]).output()?.json()?;
    let fds = joined["fds"].as_object().context("descriptors")?;
    let extra: Vec<_> = fds.keys().filter(|fd| !["0", "1", "2"].contains(&fd.as_str())).collect();
    expect::that("its descriptors", extra.is_empty(), &extra, "CVE-2024-21626")?;
    let own = run(sandbox, &["--rm", "base", "/probe", "report"]).output()?.json()?;
    expect::same("its capabilities", &joined["capabilities"], &own["capabilities"], "")?;
    expect::same("no_new_privs", &joined["no_new_privs"], &own["no_new_privs"], "prctl(2)")?;
    remove(sandbox, &id)
}

pub fn logs_are_complete_and_follow_to_the_end(sandbox: &Sandbox) -> Result<()> {
    let script = "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; echo err >&2";
    let (id, _running) = start(sandbox, &["base", "sh", "-c", script])?;
    let log = verb(sandbox, &["logs", "--follow", &id]).output()?;
    let lines: Vec<String> = log.success()?.stdout().lines().map(String::from).collect();
    ensure!(lines.len() == 2000, "expected 2000 lines, not {}", lines.len());
    expect::equal("the last line", lines.last().context("a line")?, "line 1999", "")?;
    expect::equal("its errors", &log.stderr(), "err\n", "")?;
    let tail = said(sandbox, &["logs", "--tail", "3", &id])?;
    // Which of the two streams is the last to be read nobody can say.
    let end = tail.strip_prefix("line 1997\n").unwrap_or(&tail);
    expect::equal("the end of it", &end, "line 1998\nline 1999\n", "")?;
    remove(sandbox, &id)
}

pub fn stop_asks_first_and_then_kills(sandbox: &Sandbox) -> Result<()> {
    let script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done";
    let (id, _running) = start(sandbox, &["base", "sh", "-c", script])?;
    while said(sandbox, &["logs", &id])?.is_empty() {
        sleep(Duration::from_millis(20));
    }
    said(sandbox, &["stop", &id])?;
    expect::contains("one that was asked", &said(sandbox, &["ps", "-a"])?, "Exited (5)", "")?;
    remove(sandbox, &id)
}

pub fn signals_are_sent_by_name(sandbox: &Sandbox) -> Result<()> {
    let script = "trap 'echo got it; exit 6' USR1; echo ready; while :; do sleep 0.1; done";
    let (id, _running) = start(sandbox, &["base", "sh", "-c", script])?;
    while said(sandbox, &["logs", &id])?.is_empty() {
        sleep(Duration::from_millis(20));
    }
    said(sandbox, &["kill", "--signal", "usr1", &id])?;
    let log = said(sandbox, &["logs", "--follow", &id])?;
    expect::contains("its log", &log, "got it", "signal(7)")?;
    let line = verb(sandbox, &["kill", &id]).output()?.error_line(125)?;
    expect::contains("killing one that has ended", &line, "not running", "")?;
    remove(sandbox, &id)
}

pub fn what_runs_is_removed_only_by_force(sandbox: &Sandbox) -> Result<()> {
    let (id, _running) = start(sandbox, &SLEEP)?;
    let line = verb(sandbox, &["rm", &id]).output()?.error_line(125)?;
    expect::contains("rm of one that runs", &line, "--force", "")?;
    ensure!(said(sandbox, &["ps", "-q"])?.trim() == id, "it does not run any more");
    remove(sandbox, &id)
}

pub fn inspect_is_json(sandbox: &Sandbox) -> Result<()> {
    let (id, _running) = start(sandbox, &[&["--name", "a"][..], &SLEEP].concat())?;
    let record = verb(sandbox, &["inspect", "a"]).output()?.json()?;
    expect::contains("inspect", &record.to_string(), &id, "")?;
    expect::contains("images", &said(sandbox, &["images"])?, "base", "")?;
    remove(sandbox, "a")
}
