//! Hooks: when they are called, what they are told, what becomes of one that fails.

use std::fs;

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect};
use serde_json::{Value, json};

use crate::bundle::Bundle;

const READ: &str = "\"POSIX-platform Hooks\" in config.md of the runtime specification";

/// The moments whose programs are the host's.
const OUTSIDE: [&str; 5] =
    ["prestart", "createRuntime", "createContainer", "poststart", "poststop"];

/// A hook that writes down its name, its environment and what it was told.
fn tells(name: &str, log: &str) -> Value {
    let script =
        format!("echo \"$0 $A ${{PATH_OF_HOST-none}}\" >> {log}; cat >> {log}; echo >> {log}");
    json!([{ "path": "/bin/sh", "args": ["sh", "-c", script, name], "env": ["A=b c"] }])
}

pub fn hooks_are_called_in_order_and_told_the_state(sandbox: &Sandbox) -> Result<()> {
    let mut bundle = Bundle::new(sandbox, &["report", "file:/tmp/started"])?
        .set("annotations", json!({ "a.b": "c" }));
    let log = bundle.dir().join("log").display().to_string();
    for name in OUTSIDE {
        bundle = bundle.set(&format!("hooks.{name}"), tells(name, &log));
    }
    let inside =
        json!([{ "path": "/bin/probe", "args": ["probe", "write", "/tmp/started", "yes"] }]);
    let bundle = bundle.set("hooks.startContainer", inside);
    let run = bundle.making("run", &[])?.env("PATH_OF_HOST", "leaked").output()?;
    expect::equal("what startContainer did", &run.json()?["file:/tmp/started"], "yes", READ)?;

    let text = fs::read_to_string(&log).context("no hook was called")?;
    let lines: Vec<_> = text.lines().collect();
    let names: Vec<_> = lines.iter().step_by(2).map(ToString::to_string).collect();
    let wanted = OUTSIDE.map(|name| format!("{name} b c none"));
    expect::equal("the hooks that were called", &names, wanted.to_vec(), READ)?;
    let statuses = ["creating", "creating", "creating", "running", "stopped"];
    for (line, status) in lines.iter().skip(1).step_by(2).zip(statuses) {
        let state: Value = serde_json::from_str(line).with_context(|| line.to_string())?;
        expect::equal("the status", &state["status"], status, READ)?;
        expect::equal("the id", &state["id"], json!(bundle.id), READ)?;
        expect::equal("the bundle", &state["bundle"], json!(bundle.dir()), READ)?;
        expect::equal("the annotations", &state["annotations"], json!({ "a.b": "c" }), READ)?;
        ensure!(status == "stopped" || state["pid"].as_i64() > Some(0), "no pid in {line}");
    }
    Ok(())
}

pub fn a_hook_on_the_host_finds_the_container_made(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &["report"])?.set("hostname", "").without_namespace("pid");
    let log = bundle.dir().join("log").display().to_string();
    let script = format!(
        "read state; pid=${{state##*\\\"pid\\\":}}; pid=${{pid%%[!0-9]*}}; \
         readlink /proc/$pid/ns/net > {log}; grep -c {} /proc/$pid/mountinfo >> {log}",
        bundle.rootfs.path().join("dev/pts").display()
    );
    let hook =
        json!([{ "path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"] }]);
    let bundle = bundle.set("hooks.createRuntime", hook);
    let report = bundle.report()?;
    let text = fs::read_to_string(&log).context("the hook was not called")?;
    let mut lines = text.lines();
    let network = lines.next().unwrap_or_default();
    expect::equal("its network namespace", &report["namespaces"]["net"], json!(network), READ)?;
    expect::equal("how often /dev/pts is mounted", &lines.next(), Some("1"), READ)
}

pub fn a_hook_that_fails_is_the_end(sandbox: &Sandbox) -> Result<()> {
    for name in OUTSIDE {
        let bundle = Bundle::new(sandbox, &["exit", "0"])?;
        let log = bundle.dir().join("log").display().to_string();
        let hook = json!({ "path": "/bin/sh", "args": ["sh", "-c", "exit 3"] });
        let bundle = bundle
            .set("hooks.poststop", tells("poststop", &log))
            .set(&format!("hooks.{name}"), json!([hook]));
        let outcome = bundle.output()?;
        if name == "poststop" {
            outcome.success()?; // it is too late for anything but a warning
            continue;
        }
        ensure!(outcome.success().is_err(), "{name} failed, and the container ran: {outcome}");
        expect::that("poststop", fs::exists(&log)?, "it was not called", READ)?;
    }
    Ok(())
}

pub fn a_hook_that_hangs_is_killed(sandbox: &Sandbox) -> Result<()> {
    hangs(sandbox, "exec sleep 1000")
}

pub fn what_a_hook_has_begun_is_killed_with_it(sandbox: &Sandbox) -> Result<()> {
    hangs(sandbox, "sleep 1000; exit 0")
}

fn hangs(sandbox: &Sandbox, script: &str) -> Result<()> {
    let hang = json!([{ "path": "/bin/sh", "args": ["sh", "-c", script], "timeout": 1 }]);
    let bundle = Bundle::new(sandbox, &["exit", "0"])?.set("hooks.createRuntime", hang);
    let outcome = bundle.output()?;
    ensure!(outcome.success().is_err(), "the container ran: {outcome}");
    Ok(())
}

pub fn what_a_hook_says_is_told(sandbox: &Sandbox) -> Result<()> {
    let mut lines = Vec::new();
    for (name, hook) in [
        (
            "createRuntime",
            json!({ "path": "/bin/sh", "args": ["sh", "-c", "echo why >&2; exit 3"] }),
        ),
        ("createContainer", json!({ "path": "/no/such" })),
        ("startContainer", json!({ "path": "/bin/probe", "args": ["probe", "exit", "9"] })),
        ("poststart", json!({ "path": "/bin/sh", "args": ["sh", "-c", "kill -9 $$"] })),
        ("prestart", json!({ "path": "relative" })),
        ("prestart", json!({ "path": "/bin/sh", "timeout": 0 })),
    ] {
        let bundle = Bundle::new(sandbox, &["nap", "10"])?;
        lines.push(bundle.set(&format!("hooks.{name}"), json!([hook])).refusal()?);
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    final-runtime: hooks: hooks.createRuntime[0]: /bin/sh: exit status: 3: why
    final-runtime: hooks: hooks.createContainer[0]: /no/such: executing it: No such file or directory (os error 2)
    final-runtime: start: hooks: hooks.startContainer[0]: /bin/probe: exit status: 9
    final-runtime: hooks.poststart[0]: /bin/sh: signal: 9 (SIGKILL)
    final-runtime: spec: BUNDLE/config.json: hooks.prestart[0].path: "relative" is not absolute
    final-runtime: spec: BUNDLE/config.json: hooks.prestart[0].timeout: expected more than 0
    "#);
    Ok(())
}
