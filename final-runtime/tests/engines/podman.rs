//! podman: no daemon; each container has a conmon, which is a parent to it.

use anyhow::{Context, Result};
use conformance::{Machine, Sandbox, expect};

use crate::engine::{Engine, IMAGE, LIMIT, LOOK, RUNTIME, archive, asked_for, clear, dir, looked};

/// With nothing of this machine's own configuration.
const CONFIG: &str = "[containers]
default_ulimits = [\"nofile=256:256\", \"nproc=256:256\"]
[engine]
cgroup_manager = \"cgroupfs\"
events_logger = \"none\"
[network]
network_backend = \"cni\"
";

pub fn podman(sandbox: &Sandbox) -> Result<Engine<'_>> {
    podman_on(sandbox, None)
}

/// The same on a machine that systemd runs.
pub fn podman_on<'a>(sandbox: &'a Sandbox, machine: Option<&'a Machine<'a>>) -> Result<Engine<'a>> {
    let dir = dir(sandbox, "podman")?;
    let config = dir.join("containers.conf");
    std::fs::write(&config, CONFIG)?;
    let policy = dir.join("policy.json");
    std::fs::write(&policy, r#"{"default": [{"type": "insecureAcceptAnything"}]}"#)?;
    let path = |name: &str| dir.join(name).display().to_string();
    // ANCHOR: podman-flags
    let flags = [
        ("--root", path("root")),
        ("--runroot", path("run")),
        ("--tmpdir", path("tmp")),
        ("--storage-driver", "vfs".into()),
        ("--runtime", RUNTIME.into()),
    ];
    // ANCHOR_END: podman-flags
    let mut engine = Engine {
        sandbox,
        machine,
        program: "/usr/bin/podman".into(),
        flags: flags.into_iter().flat_map(|(flag, value)| [flag.to_string(), value]).collect(),
        env: vec![("CONTAINERS_CONF".into(), config.display().to_string())],
        behind: Vec::new(),
    };
    // An ordinary user's first call leaves a process that keeps the user namespace.
    engine.leaves(&["import", &archive(sandbox)?, IMAGE])?;
    Ok(engine)
}

/// `run` with what all of these containers have.
fn run<'a>(sandbox: &'a Sandbox, more: &[&'a str]) -> Vec<String> {
    let parent = format!("--cgroup-parent=/{}", sandbox.cgroup_parent());
    let words = ["run", "--network=none", &parent];
    words.iter().chain(more).map(ToString::to_string).collect()
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

pub fn podman_runs_a_container(sandbox: &Sandbox) -> Result<()> {
    let engine = podman(sandbox)?;
    let words =
        run(sandbox, &["--rm", "--hostname=box", IMAGE, "/bin/probe", "report", "hostname"]);
    let seen = engine.outcome(&strs(&words))?.json()?;
    expect::equal("the host name", &seen["hostname"].as_str().context("a name")?, "box", "")?;
    let words = run(sandbox, &["--rm", IMAGE, "/bin/probe", "exit", "7"]);
    engine.outcome(&strs(&words))?.code(7)?;
    clear(sandbox)
}

pub fn podman_drives_one_in_the_background(sandbox: &Sandbox) -> Result<()> {
    let mut engine = podman(sandbox)?;
    let words = run(sandbox, &["--detach", "--name=one", IMAGE, "/bin/probe", "trap"]);
    engine.leaves(&strs(&words))?;
    engine.until(&["logs", "one"], |text| text == "ready")?;
    engine.drives("one")?;
    let stats = engine.says(&["stats", "--no-stream", "--format={{.PIDs}}", "one"])?;
    expect::equal("its processes", &stats, "1", "")?;
    engine.ends("one")?;
    engine.behind.clear();
    clear(sandbox)
}

/// Limits, a volume, a tmpfs, an environment, a user, a read-only root.
fn gives_what_it_was_asked_for(sandbox: &Sandbox, limit: &str) -> Result<()> {
    let engine = podman(sandbox)?;
    let flags = asked_for(sandbox)?;
    let words = [&strs(&flags)[..], &[IMAGE], &LOOK, &[limit]].concat();
    let limit = looked(&engine.says(&strs(&run(sandbox, &words)))?)?;
    expect::equal("its limit of memory", &limit, "33554432", "")?;
    clear(sandbox)
}

pub fn podman_gives_what_it_was_asked_for(sandbox: &Sandbox) -> Result<()> {
    gives_what_it_was_asked_for(sandbox, "/sys/fs/cgroup/memory/memory.limit_in_bytes")
}

pub fn podman_gives_it_in_cgroup_v2_too(sandbox: &Sandbox) -> Result<()> {
    gives_what_it_was_asked_for(sandbox, "/sys/fs/cgroup/memory.max")
}

pub fn podman_gives_ids_of_their_own(sandbox: &Sandbox) -> Result<()> {
    let engine = podman(sandbox)?;
    let maps = ["--uidmap=0:100000:1000", "--gidmap=0:100000:1000"];
    let command = [IMAGE, "/bin/probe", "cat", "/proc/self/uid_map"];
    let words = run(sandbox, &[&["--rm"], &maps[..], &command].concat());
    let said = engine.says(&strs(&words))?;
    let numbers: Vec<_> = said.split_whitespace().collect();
    expect::same("its map of users", &numbers, &vec!["0", "100000", "1000"], "")?;
    clear(sandbox)
}

/// With one id alone, since nobody has lent this user others.
pub fn podman_of_an_ordinary_user() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let mut engine = podman(sandbox)?;
        let run = ["run", "--network=none"];
        let words = ["--rm", IMAGE, "/bin/probe", "report", "uid", "uid_map"];
        let seen = engine.outcome(&[&run[..], &words].concat())?.json()?;
        expect::contains("who it is", &seen["uid"].to_string(), "0", "")?;
        let words = ["--detach", "--name=one", IMAGE, "/bin/probe", "trap"];
        engine.leaves(&[&run[..], &words].concat())?;
        let said = engine.says(&["exec", "one", "/bin/probe", "echo", "within"])?;
        expect::equal("what exec says", &said, "within", "")?;
        engine.says(&["stop", "--time=10", "one"])?;
        engine.says(&["rm", "one"])?;
        engine.behind.clear();
        clear(sandbox)
    })
}

pub fn podman_gives_a_terminal(sandbox: &Sandbox) -> Result<()> {
    let engine = podman(sandbox)?;
    let words = run(sandbox, &["--rm", "-it", IMAGE, "/bin/probe", "stat", "/dev/console"]);
    let outcome = engine.call(&strs(&words)).terminal().limit(LIMIT).output()?;
    outcome.success()?;
    expect::contains("what /dev/console is", &outcome.stdout(), "136:", "a pseudoterminal")?;
    clear(sandbox)
}

/// Without systemd, which would ask again and again, somebody has to ask.
pub fn podman_checks_its_health(sandbox: &Sandbox) -> Result<()> {
    let mut engine = podman(sandbox)?;
    let check = r#"--health-cmd=["/bin/probe", "cat", "/tmp/well"]"#;
    let flags = ["--detach", "--name=one", "--tmpfs=/tmp", "--health-interval=disable", check];
    let words = run(sandbox, &[&flags[..], &[IMAGE, "/bin/probe", "trap"]].concat());
    engine.leaves(&strs(&words))?;
    engine.until(&["logs", "one"], |text| text == "ready")?;
    engine.outcome(&["healthcheck", "run", "one"])?.code(1)?;
    engine.says(&["exec", "one", "/bin/probe", "write", "/tmp/well", "yes"])?;
    engine.says(&["healthcheck", "run", "one"])?;
    engine.ends("one")?;
    engine.behind.clear();
    clear(sandbox)
}

pub fn podman_can_leave_a_container_in_the_hosts_network(sandbox: &Sandbox) -> Result<()> {
    let engine = podman(sandbox)?;
    let parent = format!("--cgroup-parent=/{}", sandbox.cgroup_parent());
    let words =
        ["run", "--rm", "--network=host", &parent, IMAGE, "/bin/probe", "report", "namespaces"];
    let seen = engine.outcome(&words)?.json()?;
    let host = sandbox.run("readlink").arg("/proc/self/ns/net").output()?.stdout();
    expect::equal("its network", &seen["namespaces"]["net"], host.trim_end(), "")?;
    clear(sandbox)
}

pub fn podman_tells_why_a_command_cannot_run(sandbox: &Sandbox) -> Result<()> {
    let engine = podman(sandbox)?;
    for (command, code, why) in [
        ("none", 127, "executable file not found"),
        ("/none", 127, "no such file or directory"),
        ("/etc", 126, "is a directory"),
        ("/etc/passwd", 126, "Permission denied"),
    ] {
        let outcome = engine.outcome(&strs(&run(sandbox, &["--rm", IMAGE, command])))?;
        outcome.code(code)?;
        expect::contains(command, &outcome.stderr(), why, "")?;
    }
    clear(sandbox)
}
