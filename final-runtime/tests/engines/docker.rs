//! Docker: a daemon, which has containerd for a daemon of its own.

use anyhow::{Context, Result};
use conformance::{Machine, Sandbox, expect};

use crate::engine::{
    Engine, IMAGE, LIMIT, LOOK, RUNTIME, archive, asked_for, clear, dir, looked, on,
};

/// Each container is to say that it wants this runtime and not Docker's own.
pub const RUN: [&str; 3] = ["run", "--runtime=ours", "--network=none"];

/// `flags` are the daemon's.
pub fn docker_with<'a>(
    sandbox: &'a Sandbox,
    machine: Option<&'a Machine<'a>>,
    flags: &[&str],
) -> Result<Engine<'a>> {
    let dir = dir(sandbox, "docker")?;
    let path = |name: &str| dir.join(name).display().to_string();
    let socket = format!("unix://{}", path("socket"));
    let config = dir.join("daemon.json");
    std::fs::write(&config, "{}")?;
    let daemon = on(sandbox, machine, "/usr/sbin/dockerd".as_ref())
        .args(["--iptables=false", "--ip-masq=false", "--ip-forward=false", "--storage-driver=vfs"])
        .args(flags)
        .args(["--config-file", &config.display().to_string(), "--host", &socket])
        .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
        .args(["--pidfile", &path("pid"), "--add-runtime", &format!("ours={RUNTIME}")])
        .limit(LIMIT * 2)
        .spawn()?;
    let engine = Engine {
        sandbox,
        machine,
        program: program("docker")?,
        flags: vec!["--host".into(), socket],
        env: Vec::new(),
        behind: vec![daemon],
    };
    engine.until(&["version", "--format={{.Server.Version}}"], |text| !text.is_empty())?;
    let healthy = "--change=HEALTHCHECK CMD [\"/bin/probe\", \"cat\", \"/tmp/well\"]";
    engine.says(&["import", healthy, &archive(sandbox)?, IMAGE])?;
    Ok(engine)
}

/// The group above the containers'.
fn parent(sandbox: &Sandbox) -> String {
    format!("--cgroup-parent=/{}", sandbox.cgroup_parent())
}

fn docker(sandbox: &Sandbox) -> Result<Engine<'_>> {
    docker_with(sandbox, None, &["--bridge=none", &parent(sandbox)])
}

/// Debian's, or a newer one that somebody has put before it.
fn program(name: &str) -> Result<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|dir| dir.join(name));
    found.find(|file| file.is_file()).with_context(|| format!("{name} is not in PATH"))
}

/// The daemon's containers end with it, and with the descriptors that it holds.
pub fn stop(mut engine: Engine) -> Result<()> {
    engine.behind.clear();
    clear(engine.sandbox)
}

pub fn docker_runs_a_container(sandbox: &Sandbox) -> Result<()> {
    let engine = docker(sandbox)?;
    let run = [&RUN[..], &["--rm"]].concat();
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
    engine.says(&[&RUN[..], &["--detach", "--name=one"], &command].concat())?;
    engine.until(&["logs", "one"], |text| text == "ready")?;
    engine.drives("one")?;
    engine.says(&["update", "--memory=64m", "--memory-swap=64m", "one"])?;
    engine.says(&["stats", "--no-stream", "one"])?;
    engine.ends("one")?;
    stop(engine)
}

pub fn docker_gives_what_it_was_asked_for(sandbox: &Sandbox) -> Result<()> {
    let engine = docker(sandbox)?;
    let flags = asked_for(sandbox)?;
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let ulimit = ["--ulimit=nofile=100:200", IMAGE];
    looked(&engine.says(&[&RUN[..], &flags, &ulimit, &LOOK].concat())?)?;
    stop(engine)
}

/// Docker asks a container how it is by running a command in it, again and again.
pub fn docker_checks_its_health(sandbox: &Sandbox) -> Result<()> {
    let engine = docker(sandbox)?;
    let flags = ["--detach", "--name=one", "--tmpfs=/tmp", "--health-interval=200ms"];
    engine
        .says(&[&RUN[..], &flags, &["--health-retries=2", IMAGE, "/bin/probe", "trap"]].concat())?;
    let status = ["inspect", "--format={{.State.Health.Status}}", "one"];
    engine.until(&status, |text| text == "unhealthy")?;
    engine.says(&["exec", "one", "/bin/probe", "write", "/tmp/well", "yes"])?;
    engine.until(&status, |text| text == "healthy")?;
    engine.ends("one")?;
    stop(engine)
}

pub fn docker_can_leave_a_container_in_the_hosts_network(sandbox: &Sandbox) -> Result<()> {
    let engine = docker(sandbox)?;
    let run = ["run", "--runtime=ours", "--rm", "--network=host", IMAGE];
    let seen = engine.outcome(&[&run[..], &["/bin/probe", "report", "namespaces"]].concat())?;
    let host = sandbox.run("readlink").arg("/proc/self/ns/net").output()?.stdout();
    expect::equal("its network", &seen.json()?["namespaces"]["net"], host.trim_end(), "")?;
    stop(engine)
}

/// On the bridge of Docker's own, one container reaches another by its address.
pub fn docker_s_containers_reach_each_other(sandbox: &Sandbox) -> Result<()> {
    let engine = docker_with(sandbox, None, &["--fixed-cidr=172.17.0.0/24", &parent(sandbox)])?;
    let run = ["run", "--runtime=ours"];
    let serve = ["--detach", "--name=one", IMAGE, "/bin/probe", "listen", "0.0.0.0:7000"];
    engine.says(&[&run[..], &serve].concat())?;
    let format = "--format={{.NetworkSettings.IPAddress}}";
    let address = engine.until(&["inspect", format, "one"], |text| !text.is_empty())?;
    let there = format!("{address}:7000");
    let ask = ["--rm", IMAGE, "/bin/probe", "connect", &there, "from afar"];
    let said = engine.says(&[&run[..], &ask].concat())?;
    expect::contains("what it is answered", &said, "from afar", "")?;
    engine.says(&["rm", "--force", "one"])?;
    stop(engine)?;
    sandbox.run("ip").args(["link", "delete", "docker0"]).output()?.success().map(drop)
}
