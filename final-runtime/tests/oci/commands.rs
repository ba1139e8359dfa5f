//! What the other commands say and do: `exec`, `list`, `ps`, terminals, and how errors are told.

use std::{
    fs::{self, File},
    io::{IoSliceMut, Read},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::net::UnixListener,
    },
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use conformance::{Sandbox, expect};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde_json::{Value, json};

use crate::{
    bundle::Bundle,
    lifecycle::{processes, says, sleeper, until},
};

const READ: &str = "runc(8)";

pub fn exec_ends_as_its_command_does(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?;
    let _running = bundle.start()?;
    let exec = |words: &[&str]| bundle.verb(&["exec", &bundle.id, "/bin/probe"]).args(words);
    for code in [0, 7, 255] {
        exec(&["exit", &code.to_string()]).output()?.code(code)?;
    }
    exec(&["signal", "9"]).output()?.code(128 + 9)?;
    let missing = bundle.verb(&["exec", &bundle.id, "/no/such"]).output()?;
    expect::that("what is not there is not run", missing.success().is_err(), &missing, READ)?;
    expect::equal("the status", &bundle.state()?["status"], "running", READ)?;
    bundle.delete()
}

pub fn what_takes_criu_is_told(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?;
    let _running = bundle.start()?;
    for words in
        [&["checkpoint", "--image-path", "/tmp", "--leave-running"][..], &["restore", "-d"]]
    {
        let line = bundle.verb(words).arg(&bundle.id).output()?.error_line(125)?;
        expect::contains("what is said", &line, "not supported", READ)?;
        expect::contains("what is said", &line, "CRIU", READ)?;
    }
    expect::equal("the status", &bundle.state()?["status"], "running", READ)?;
    let told = bundle.verb(&["features"]).output()?.json()?;
    let told = &told["annotations"]["org.opencontainers.runc.checkpoint.enabled"];
    expect::equal("what features tell", told, "false", "features.md")?;
    bundle.delete()
}

pub fn exec_has_a_session_keyring_if_the_container_has(sandbox: &Sandbox) -> Result<()> {
    for (flags, own) in [(&[][..], true), (&["--no-new-keyring"][..], false)] {
        let bundle = sleeper(sandbox)?;
        let _running = bundle.create(flags)?;
        bundle.said("start", &[])?;
        let exec = bundle.verb(&["--explain", "exec", &bundle.id, "/bin/probe", "exit", "0"]);
        let told = exec.output()?.stderr();
        let joins = told.contains("keyctl session");
        expect::that("that a keyring is joined", joins == own, &told, "keyctl(2)")?;
        bundle.delete()?;
    }
    Ok(())
}

pub fn exec_is_as_its_flags_say(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?;
    let _running = bundle.start()?;
    let flags = ["--cwd", "/tmp", "--env", "A=b", "--user", "7:8"];
    let exec = bundle.verb(&["exec"]).args(flags).args(["--additional-gids", "9", &bundle.id]);
    let inside = exec.args(["/bin/probe", "report"]).output()?.json()?;
    expect::equal("its directory", &inside["cwd"], "/tmp", READ)?;
    expect::equal("A", &inside["env"]["A"], "b", READ)?;
    expect::equal("its user", &inside["uid"]["effective"], 7, READ)?;
    expect::equal("its group", &inside["gid"]["effective"], 8, READ)?;
    expect::equal("its groups", &inside["groups"], json!([9]), READ)?;
    let file = sandbox.dir().join("process.json");
    let process = json!({
        "args": ["/bin/probe", "report"], "cwd": "/", "env": ["B=c"], "user": { "uid": 3, "gid": 4 }
    });
    fs::write(&file, process.to_string())?;
    let exec = bundle.verb(&["exec", "--process"]).arg(&file).arg(&bundle.id);
    let inside = exec.output()?.json()?;
    expect::equal("its user", &inside["uid"]["effective"], 3, READ)?;
    expect::equal("B", &inside["env"]["B"], "c", READ)?;
    bundle.delete()
}

pub fn exec_goes_on_in_the_background(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?;
    let _running = bundle.start()?;
    let file = sandbox.dir().join("exec.pid");
    let words = "exec \"$@\" > /dev/null 2>&1"; // it would keep the test's pipes open
    let shell = sandbox.run("/bin/sh").args(["-c", words, "sh"]).arg(crate::bundle::runtime());
    let shell = shell.arg("--root").arg(bundle.state_root()).args(["exec", "--detach"]);
    let shell = shell.arg("--pid-file").arg(&file).arg(&bundle.id);
    let (outcome, _exec) =
        shell.args(["/bin/probe", "nap", "1000"]).detaching().spawn()?.leave()?;
    outcome.success()?;
    let pid: i32 = fs::read_to_string(&file)?.parse()?;
    let pids = processes(&bundle)?;
    expect::that("ps lists it", pids.contains(&pid) && pids.len() == 2, &pids, READ)?;
    let table = bundle.said("ps", &[])?;
    expect::that("its table has a line for each", table.lines().count() == 3, &table, READ)?;
    bundle.delete()?;
    ensure!(!Path::new(&format!("/proc/{pid}/cwd")).exists(), "it has outlived its container");
    Ok(())
}

pub fn containers_are_listed(sandbox: &Sandbox) -> Result<()> {
    let (first, second) = (sleeper(sandbox)?, sleeper(sandbox)?);
    let list = |words: &[&str]| -> Result<String> {
        let outcome = first.verb(&["list"]).args(words).output()?;
        outcome.success()?;
        Ok(outcome.stdout())
    };
    let _kept = (first.create(&[])?, second.start()?);
    let all: Value = serde_json::from_str(&list(&["--format", "json"])?)?;
    let all = all.as_array().context("a list")?;
    expect::equal("how many there are", &all.len(), 2, READ)?;
    for (bundle, status) in [(&first, "created"), (&second, "running")] {
        let one = all.iter().find(|one| one["id"] == bundle.id.as_str()).context("it is listed")?;
        expect::equal("its status", &one["status"], status, READ)?;
        expect::equal("its pid", &one["pid"], bundle.state()?["pid"].clone(), READ)?;
        expect::equal("its bundle", &one["bundle"], json!(bundle.dir()), READ)?;
    }
    let mut ids: Vec<_> = list(&["--quiet"])?.lines().map(String::from).collect();
    let mut wanted = vec![first.id.clone(), second.id.clone()];
    ids.sort();
    wanted.sort();
    expect::equal("the ids", &ids, wanted, READ)?;
    expect::equal("the table's lines", &list(&[])?.lines().count(), 3, READ)?;
    first.delete()?;
    second.delete()
}

/// An engine that waits for a terminal.
struct Engine {
    listener: UnixListener,
    path: String,
}

impl Engine {
    fn new(sandbox: &Sandbox) -> Result<Self> {
        let path = sandbox.dir().join("console").display().to_string();
        let _ = fs::remove_file(&path); // that of an earlier terminal
        Ok(Self { listener: UnixListener::bind(&path)?, path })
    }

    fn terminal(&self) -> Result<File> {
        let (stream, _) = self.listener.accept()?;
        let (mut text, mut space) = ([0; 4096], nix::cmsg_space!(RawFd));
        let mut words = [IoSliceMut::new(&mut text)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(stream.as_raw_fd(), &mut words, Some(&mut space), flags)?;
        for one in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(fds) = one
                && let [fd] = fds[..]
            {
                // SAFETY: the kernel has just opened it for this process.
                return Ok(unsafe { OwnedFd::from_raw_fd(fd) }.into());
            }
        }
        bail!("no descriptor came")
    }
}

/// All that comes until the other side is closed.
fn all_of(mut terminal: File) -> Result<String> {
    let mut text = Vec::new();
    match terminal.read_to_end(&mut text) {
        Err(error) if error.raw_os_error() != Some(libc::EIO) => return Err(error.into()),
        _ => {} // EIO: nobody has the other side open any more
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

pub fn a_terminal_goes_to_the_engine(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &["echo", "hello"])?.set("process.terminal", true);
    let engine = Engine::new(sandbox)?;
    let _running = bundle.create(&["--console-socket", &engine.path])?;
    let terminal = engine.terminal()?;
    ensure!(std::io::IsTerminal::is_terminal(&terminal), "what came is no terminal");
    bundle.said("start", &[])?;
    expect::equal("what it says", &all_of(terminal)?, "hello\r\n", "pty(7)")?;
    until(&bundle, "stopped")?;
    bundle.delete()?;

    let bundle = sleeper(sandbox)?;
    let _running = bundle.start()?;
    let engine = Engine::new(sandbox)?;
    let exec = bundle.verb(&["exec", "--tty", "--detach", "--console-socket", &engine.path]);
    let exec = exec.arg(&bundle.id).args(["/bin/probe", "echo", "hello"]).detaching().spawn()?;
    let terminal = engine.terminal()?;
    let (outcome, _exec) = exec.leave()?;
    outcome.success()?;
    expect::equal("what it says", &all_of(terminal)?, "hello\r\n", "pty(7)")?;
    bundle.delete()
}

pub fn a_console_socket_that_is_none_is_told(sandbox: &Sandbox) -> Result<()> {
    let file = sandbox.dir().join("file");
    fs::write(&file, "")?;
    for socket in [file, sandbox.dir().join("nowhere")] {
        let bundle = Bundle::new(sandbox, &["exit", "0"])?.set("process.terminal", true);
        let flags = ["--console-socket", &socket.display().to_string()];
        let outcome = bundle.making("create", &flags)?.output()?;
        expect::that("it is refused", outcome.success().is_err(), &outcome, READ)?;
        bundle.is_gone()?;
    }
    Ok(())
}

pub fn an_error_is_the_logs_last_line(sandbox: &Sandbox) -> Result<()> {
    let log = sandbox.dir().join("log.json");
    let bundle = Bundle::new(sandbox, &["exit", "0"])?.set("process.args", json!(["/no/such"]));
    bundle.write()?;
    let global = |words: &[&str]| {
        let run = sandbox.run(crate::bundle::runtime()).arg("--root").arg(bundle.state_root());
        run.arg("--log").arg(&log).args(["--log-format", "json"]).args(words)
    };
    let missing =
        ["run", "--bundle", &bundle.dir().display().to_string(), &bundle.id].map(String::from);
    let missing: Vec<_> = missing.iter().map(String::as_str).collect();
    for words in [&missing[..], &["state", "nobody"]] {
        let outcome = global(words).output()?;
        expect::that("it fails", outcome.success().is_err(), &outcome, READ)?;
        let text = fs::read_to_string(&log)?;
        let line: Value = serde_json::from_str(text.lines().last().context("a line")?)?;
        expect::equal("the level", &line["level"], "error", READ)?;
        expect::that(
            "it says what",
            line["msg"].as_str().is_some_and(|m| m.len() > 5),
            &line,
            READ,
        )?;
        let time = line["time"].as_str().unwrap_or_default();
        expect::that("it says when", time.len() >= 20 && time.contains('T'), &line, "RFC 3339")?;
    }
    bundle.is_gone()
}

pub fn a_configuration_that_cannot_be_read_is_told_with_the_place(sandbox: &Sandbox) -> Result<()> {
    let mut lines = Vec::new();
    let bundle = Bundle::new(sandbox, &["exit", "0"])?;
    let mut say = |bundle: &Bundle| -> Result<()> {
        let run = bundle.verb(&["run", "--bundle"]).arg(bundle.dir()).arg(&bundle.id).output()?;
        lines.push(run.error_line(125)?.replace(&bundle.dir().display().to_string(), "BUNDLE"));
        bundle.is_gone()
    };
    say(&bundle)?;
    for text in ["", "{", "[]", "{}"] {
        fs::write(bundle.dir().join("config.json"), text)?;
        say(&bundle)?;
    }
    for (place, value) in [
        ("ociVersion", json!("0.9.0")),
        ("ociVersion", json!("2.0.0")),
        ("ociVersion", json!("new")),
        ("ociVersion", Value::Null),
        ("process.user", json!("root")),
        ("mounts.2.options", json!("ro")),
        ("linux.namespaces.0.type", json!("net")),
        ("linux.resources", json!({ "memory": { "limit": "1g" } })),
        ("root", Value::Null),
        ("process", Value::Null),
    ] {
        let bundle = Bundle::new(sandbox, &["exit", "0"])?.set(place, value);
        bundle.write()?;
        say(&bundle)?;
    }
    // Where the place is told, its line says nothing more.
    for line in lines.iter_mut().skip(6) {
        *line = line.split(" at line").next().unwrap_or_default().to_string();
    }
    let run = bundle.verb(&["run", "--bundle", "/no/such", &bundle.id]).output()?;
    lines.push(run.error_line(125)?);
    insta::assert_snapshot!(lines.join("\n"), @r#"
    final-runtime: spec: opening BUNDLE/config.json: No such file or directory (os error 2)
    final-runtime: spec: BUNDLE/config.json: EOF while parsing a value at line 1 column 0
    final-runtime: spec: BUNDLE/config.json: EOF while parsing an object at line 1 column 1
    final-runtime: spec: BUNDLE/config.json: invalid length 0, expected struct Config with 9 elements at line 1 column 2
    final-runtime: spec: BUNDLE/config.json: missing field `ociVersion` at line 1 column 2
    final-runtime: spec: BUNDLE/config.json: ociVersion: 0.9.0 is not supported: expected 1.0.0 to 1.3.0
    final-runtime: spec: BUNDLE/config.json: ociVersion: 2.0.0 is not supported: expected 1.0.0 to 1.3.0
    final-runtime: spec: BUNDLE/config.json: ociVersion: "new" is no version: expected one such as 1.3.0
    final-runtime: spec: BUNDLE/config.json: ociVersion: invalid type: null, expected a string
    final-runtime: spec: BUNDLE/config.json: process.user: invalid type: string "root", expected struct User
    final-runtime: spec: BUNDLE/config.json: mounts[2].options: invalid type: string "ro", expected a sequence
    final-runtime: spec: BUNDLE/config.json: linux.namespaces[0].type: unknown variant `net`, expected one of `user`, `pid`, `network`, `mount`, `ipc`, `uts`, `cgroup`, `time`
    final-runtime: spec: BUNDLE/config.json: linux.resources.memory.limit: invalid type: string "1g", expected i64
    final-runtime: spec: BUNDLE/config.json: root: it is missing, and Linux cannot do without
    final-runtime: spec: process: it is missing
    final-runtime: spec: finding the bundle /no/such: No such file or directory (os error 2)
    "#);
    Ok(())
}

pub fn what_spec_writes_can_be_run(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &[])?;
    bundle.verb(&["spec", "--bundle"]).arg(bundle.dir()).output()?.success()?;
    let file = bundle.dir().join("config.json");
    let again = bundle.verb(&["spec", "--bundle"]).arg(bundle.dir()).output()?;
    expect::that("it overwrites nothing", again.success().is_err(), &again, READ)?;
    let mut config: Value = serde_json::from_slice(&fs::read(&file)?)?;
    config["process"]["args"] = json!(["/bin/probe", "echo", "hello"]);
    config["process"]["terminal"] = false.into();
    config["linux"]["cgroupsPath"] = bundle.config["linux"]["cgroupsPath"].clone();
    fs::write(&file, config.to_string())?;
    let run = bundle.verb(&["run", "--bundle"]).arg(bundle.dir()).arg(&bundle.id).output()?;
    run.success()?;
    expect::equal("what it says", &run.stdout(), "hello\n", READ)
}

pub fn a_run_ends_as_its_command_whoever_deletes_it(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?;
    let run = bundle.making("run", &[])?.spawn()?;
    // Before it is made there is no state to ask for.
    while bundle.verb(&["state", &bundle.id]).output()?.success().is_err() {}
    until(&bundle, "running")?;
    bundle.delete()?;
    let outcome = run.wait()?;
    outcome.code(128 + libc::SIGKILL)?;
    expect::that("the run tells of no error", outcome.stderr.is_empty(), &outcome, READ)
}

pub fn a_background_run_keeps_its_output(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &["echo", "hello"])?;
    let _running = bundle.start()?;
    says(&bundle.dir().join("output"), "hello\n")?;
    until(&bundle, "stopped")?;
    bundle.delete()
}
