//! containerd, by its own client.

use anyhow::{Context, Result};
use conformance::{Machine, Sandbox, expect};

use crate::engine::{Engine, LIMIT, RUNTIME, clear, dir, on};

fn containerd(sandbox: &Sandbox) -> Result<Engine<'_>> {
    containerd_on(sandbox, None)
}

/// The same on a machine that systemd runs.
pub fn containerd_on<'a>(
    sandbox: &'a Sandbox,
    machine: Option<&'a Machine<'a>>,
) -> Result<Engine<'a>> {
    let dir = dir(sandbox, "containerd")?;
    let path = |name: &str| dir.join(name).display().to_string();
    let (config, socket) = (path("config.toml"), path("socket"));
    let text = format!(
        "version = 2\nroot = {:?}\nstate = {:?}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
         [grpc]\n  address = {socket:?}\n",
        path("root"),
        path("state")
    );
    std::fs::write(&config, text)?;
    let daemon = on(sandbox, machine, "/usr/bin/containerd".as_ref());
    let daemon = daemon.args(["--config", &config]).limit(LIMIT * 2).spawn()?;
    let engine = Engine {
        sandbox,
        machine,
        program: "/usr/bin/ctr".into(),
        // The namespace is the name of the group above.
        flags: vec!["--address".into(), socket, "--namespace".into(), sandbox.cgroup_parent()],
        env: Vec::new(),
        behind: vec![daemon],
    };
    engine.until(&["version"], |text| text.contains("Server"))?;
    Ok(engine)
}

/// `ctr run` of a root file system, without an image.
pub fn run<'a>(
    rootfs: &'a str,
    more: &[&'a str],
    id: &'a str,
    command: &[&'a str],
) -> Vec<&'a str> {
    let flags = ["run", "--rootfs", "--runc-binary", RUNTIME];
    [&flags[..], more, &[rootfs, id], command].concat()
}

pub fn containerd_runs_a_container(sandbox: &Sandbox) -> Result<()> {
    let mut engine = containerd(sandbox)?;
    let rootfs = conformance::Rootfs::new()?;
    let path = rootfs.path().display().to_string();
    let words = run(&path, &["--rm"], "one", &["/bin/probe", "report", "pid"]);
    let seen = engine.outcome(&words)?.json()?;
    expect::that("its first process", seen["pid"] == 1, &seen, "")?;
    let words = run(&path, &["--rm"], "two", &["/bin/probe", "exit", "7"]);
    engine.outcome(&words)?.code(7)?;
    let words = run(&path, &["--rm"], "three", &["none"]);
    let outcome = engine.outcome(&words)?;
    expect::contains("why not", &outcome.stderr(), "executable file not found", "")?;
    engine.behind.clear();
    clear(sandbox)
}

// ANCHOR: containerd-background
pub fn containerd_drives_one_in_the_background(sandbox: &Sandbox) -> Result<()> {
    let mut engine = containerd(sandbox)?;
    let rootfs = conformance::Rootfs::new()?;
    let path = rootfs.path().display().to_string();
    let words = run(&path, &["--detach"], "one", &["/bin/probe", "sleep", "1000"]);
    engine.leaves(&words)?;
    let status = |engine: &Engine| -> Result<String> {
        let table = engine.says(&["task", "list"])?;
        let line = table.lines().find(|line| line.starts_with("one")).context("its line")?;
        Ok(line.split_whitespace().last().unwrap_or_default().to_string())
    };
    expect::equal("its status", &status(&engine)?, "RUNNING", "")?;
    let exec = ["task", "exec", "--exec-id=more", "one", "/bin/probe", "echo", "within"];
    expect::equal("what exec says", &engine.says(&exec)?, "within", "")?;
    engine.says(&["task", "pause", "one"])?;
    expect::equal("its status", &status(&engine)?, "PAUSED", "")?;
    engine.says(&["task", "resume", "one"])?;
    engine.says(&["task", "metrics", "one"])?;
    engine.says(&["task", "kill", "--signal=SIGKILL", "one"])?;
    engine.until(&["task", "list"], |text| text.contains("STOPPED"))?;
    engine.says(&["task", "rm", "one"]).ok(); // its code is the container's
    engine.says(&["container", "rm", "one"])?;
    engine.behind.clear();
    clear(sandbox)
}
// ANCHOR_END: containerd-background
