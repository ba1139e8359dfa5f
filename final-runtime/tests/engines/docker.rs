//! Docker: a daemon, which has containerd for a daemon of its own.

use anyhow::{Context, Result};
use conformance::{Sandbox, expect};

use crate::engine::{Engine, IMAGE, LIMIT, RUNTIME, archive, clear, dir};

fn docker(sandbox: &Sandbox) -> Result<Engine<'_>> {
    let dir = dir(sandbox, "docker")?;
    let path = |name: &str| dir.join(name).display().to_string();
    let socket = format!("unix://{}", path("socket"));
    let config = dir.join("daemon.json");
    std::fs::write(&config, "{}")?;
    let daemon = sandbox
        .run("/usr/sbin/dockerd")
        .args(["--iptables=false", "--ip-masq=false", "--bridge=none", "--storage-driver=vfs"])
        .args(["--config-file", &config.display().to_string(), "--host", &socket])
        .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
        .args(["--pidfile", &path("pid"), "--add-runtime", &format!("ours={RUNTIME}")])
        .args(["--default-runtime", "ours"])
        .args(["--cgroup-parent", &format!("/{}", sandbox.cgroup_parent())])
        .limit(LIMIT * 2)
        .spawn()?;
    let engine = Engine {
        sandbox,
        program: program("docker")?,
        flags: vec!["--host".into(), socket],
        env: Vec::new(),
        behind: vec![daemon],
    };
    engine.until(&["version", "--format={{.Server.Version}}"], |text| !text.is_empty())?;
    engine.says(&["import", &archive(sandbox)?, IMAGE])?;
    Ok(engine)
}

/// Debian's, or a newer one that somebody has put before it.
fn program(name: &str) -> Result<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|dir| dir.join(name));
    found.find(|file| file.is_file()).with_context(|| format!("{name} is not in PATH"))
}

/// The daemon's containers end with it, and with the descriptors that it holds.
fn stop(mut engine: Engine) -> Result<()> {
    engine.behind.clear();
    clear(engine.sandbox)
}

pub fn docker_runs_a_container(sandbox: &Sandbox) -> Result<()> {
    let engine = docker(sandbox)?;
    let run = ["run", "--rm", "--network=none"];
    let words = ["--hostname=box", IMAGE, "/bin/probe", "report", "hostname"];
    let seen = engine.outcome(&[&run[..], &words].concat())?.json()?;
    expect::equal("the host name", &seen["hostname"].as_str().context("a name")?, "box", "")?;
    engine.outcome(&[&run[..], &[IMAGE, "/bin/probe", "exit", "7"]].concat())?.code(7)?;
    let outcome = engine.outcome(&[&run[..], &[IMAGE, "none"]].concat())?;
    outcome.code(127)?;
    expect::contains("why not", &outcome.stderr(), "executable file not found", "")?;
    engine.outcome(&[&run[..], &[IMAGE, "/etc"]].concat())?.code(126)?;
    stop(engine)
}

pub fn docker_drives_one_in_the_background(sandbox: &Sandbox) -> Result<()> {
    let engine = docker(sandbox)?;
    let command = [IMAGE, "/bin/probe", "trap"];
    let run = ["run", "--detach", "--name=one", "--network=none"];
    engine.says(&[&run[..], &command].concat())?;
    engine.until(&["logs", "one"], |text| text == "ready")?;
    engine.drives("one")?;
    engine.says(&["update", "--memory=64m", "--memory-swap=64m", "one"])?;
    engine.says(&["stats", "--no-stream", "one"])?;
    engine.ends("one")?;
    stop(engine)
}

pub fn docker_gives_what_it_was_asked_for(sandbox: &Sandbox) -> Result<()> {
    let engine = docker(sandbox)?;
    let shared = dir(sandbox, "shared")?;
    std::fs::write(shared.join("file"), "from outside")?;
    let volume = format!("--volume={}:/data:ro", shared.display());
    let flags = [
        "run",
        "--rm",
        "--network=none",
        &volume,
        "--tmpfs=/scratch",
        "--read-only",
        "--user=1000:1000",
        "--memory=32m",
        "--pids-limit=30",
        "--cpus=0.5",
        "--workdir=/data",
        "--ulimit=nofile=100:200",
        IMAGE,
    ];
    let says = |command: &[&str]| engine.says(&[&flags[..], command].concat());
    expect::equal("the volume", &says(&["/bin/probe", "cat", "file"])?, "from outside", "")?;
    says(&["/bin/probe", "write", "/scratch/file", "text"])?;
    for path in ["/data/file", "/file"] {
        let write = ["/bin/probe", "write", path, "text"];
        engine.outcome(&[&flags[..], &write].concat())?.code(1)?;
    }
    stop(engine)
}
