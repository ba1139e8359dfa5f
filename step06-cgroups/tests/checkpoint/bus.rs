//! Buses that do not do what they should: silent, refusing, wrong. Each is a thread of the test.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use conformance::{Outcome, Sandbox, checkpoint::Test, expect};
use insta::assert_snapshot;
use step06::dbus::Writer;

use super::scene::STEP06;

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        a_silent_bus_is_not_waited_for: [Root],
        a_bus_that_lets_nobody_in_is_told_of: [Root],
        a_bus_without_systemd_is_told_of: [Root],
        a_socket_on_which_nobody_listens_is_told_of: [Root],
        a_systemd_that_does_not_answer_is_not_waited_for: [Root],
        a_refusal_is_told_in_systemds_words: [Root],
        a_unit_that_is_anothers_is_not_stopped: [Root],
        a_scope_without_the_container_is_stopped_and_told_of: [Root],
        where_systemd_does_not_run_the_host_it_is_not_looked_for: [Root],
    }
}

const SOCKET: &str = "run/dbus/system_bus_socket";

/// The answer to one call, by the name of its method: nothing at all, values, or an error.
enum Answer {
    Nothing,
    Text(&'static str),
    Error(&'static str, &'static str),
}

/// A machine with a bus, as far as the program sees it.
struct Bus {
    root: PathBuf,
    called: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bus {
    /// A machine on which there is none.
    fn none(sandbox: &Sandbox) -> Result<Self> {
        let root = sandbox.root();
        for dir in ["run/systemd/system", "run/dbus"] {
            fs::create_dir_all(root.join(dir))?;
        }
        Ok(Self { root, called: Arc::default(), over: Arc::default(), thread: None })
    }

    /// One that does this with whoever connects, one after another, until they go.
    fn with(
        sandbox: &Sandbox,
        serve: impl Fn(&mut UnixStream, &Mutex<Vec<String>>) + Send + 'static,
    ) -> Result<Self> {
        let mut bus = Self::none(sandbox)?;
        let listener = UnixListener::bind(bus.root.join(SOCKET)).context("listening")?;
        let (called, over) = (Arc::clone(&bus.called), Arc::clone(&bus.over));
        bus.thread = Some(thread::spawn(move || {
            for mut socket in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                serve(&mut socket, &called);
                while socket.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
            }
        }));
        Ok(bus)
    }

    /// One that welcomes everybody, and answers calls by `answer`.
    fn new(sandbox: &Sandbox, answer: impl Fn(&str) -> Answer + Send + 'static) -> Result<Self> {
        Self::with(sandbox, move |socket, called| {
            let mut buffer = [0; 4096];
            let _ = socket.read(&mut buffer);
            let _ = socket.write_all(b"DATA\r\nOK 0123\r\n");
            while let Ok(read @ 17..) = socket.read(&mut buffer) {
                let member = member(&buffer[..read]);
                let bytes = answer(&member).bytes(buffer[8]);
                called.lock().unwrap_or_else(PoisonError::into_inner).push(member);
                let _ = socket.write_all(&bytes);
            }
        })
    }

    /// The methods that have been called.
    fn called(&self) -> Vec<String> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = UnixStream::connect(self.root.join(SOCKET)); // so that it looks
            let _ = thread.join();
        }
        for dir in ["run/dbus", "run/systemd"] {
            let _ = fs::remove_dir_all(self.root.join(dir));
        }
    }
}

/// The method of a call.
fn member(call: &[u8]) -> String {
    let names = ["Hello", "Ping", "StartTransientUnit", "StopUnit", "Get"];
    let holds = |name: &&str| {
        let name = [name.as_bytes(), b"\0"].concat();
        call.windows(name.len()).any(|part| part == name)
    };
    names.into_iter().find(holds).unwrap_or("?").to_string()
}

impl Answer {
    /// As a message of the bus' to the call with this serial number.
    fn bytes(&self, to: u8) -> Vec<u8> {
        let (kind, error, text) = match self {
            Self::Nothing => return Vec::new(),
            Self::Text(text) => (2, None, text),
            Self::Error(name, text) => (3, Some(name), text),
        };
        let mut body = Writer::default();
        body.string(text);
        let body = body.into_bytes();
        let mut out = Writer::default();
        [b'l', kind, 1, 1].into_iter().for_each(|byte| out.byte(byte));
        out.u32(body.len() as u32);
        out.u32(1);
        out.array(8, |out| {
            out.byte(5);
            out.signature("u");
            out.u32(to.into());
            if let Some(name) = error {
                out.align(8);
                out.byte(4);
                out.signature("s");
                out.string(name);
            }
            out.align(8);
            out.byte(8);
            out.signature("g");
            out.signature("s");
        });
        out.align(8);
        [out.into_bytes(), body].concat()
    }
}

/// The program, by systemd or as it likes; and how long it took.
fn run(sandbox: &Sandbox, manager: &str) -> Result<(Outcome, Duration)> {
    let start = Instant::now();
    let slice = format!("{}.slice", sandbox.cgroup_parent());
    let run = sandbox.run(STEP06).args(["--network", "none", "--explain"]);
    let run = run.args(["--cgroup-manager", manager, "--cgroup-parent", &slice]);
    let outcome = run.limit(Duration::from_secs(60)).probe(["exit", "0"]).output()?;
    Ok((outcome, start.elapsed()))
}

/// The error, with the container's id taken out.
fn error(outcome: &Outcome) -> Result<String> {
    let said = outcome.code(125)?.stderr();
    let line = said.lines().find(|line| line.starts_with("step06:")).context("no error")?;
    let id = line.split_once("layers-").map(|(_, tail)| &tail[..12]);
    Ok(id.map_or(line.into(), |id| line.replace(id, "ID")))
}

/// By systemd it is refused with this line; as the program likes it runs, and says why so.
fn without_systemd(sandbox: &Sandbox) -> Result<String> {
    let (by_systemd, took) = run(sandbox, "systemd")?;
    let line = error(&by_systemd)?;
    expect::that("it is not waited for", took < Duration::from_secs(15), &took, "connect(2)")?;
    let (as_it_likes, took) = run(sandbox, "auto")?;
    as_it_likes.success()?;
    expect::that("it is not waited for", took < Duration::from_secs(15), &took, "connect(2)")?;
    let why = line.rsplit_once("--cgroup-manager systemd: ").context("a reason")?.1;
    let note = format!("# not from systemd: {why}");
    expect::contains("what is explained", &as_it_likes.stderr(), &note, "cgroups(7)")?;
    Ok(line)
}

fn a_silent_bus_is_not_waited_for(sandbox: &Sandbox) -> Result<()> {
    let _bus = Bus::with(sandbox, |_, _| {})?;
    assert_snapshot!(without_systemd(sandbox)?, @"step06: cgroup: --cgroup-manager systemd: /run/dbus/system_bus_socket: no answer within 5 s");
    Ok(())
}

fn a_bus_that_lets_nobody_in_is_told_of(sandbox: &Sandbox) -> Result<()> {
    let _bus = Bus::with(sandbox, |socket, _| {
        let _ = socket.write_all(b"REJECTED EXTERNAL\r\n");
    })?;
    assert_snapshot!(without_systemd(sandbox)?, @"step06: cgroup: --cgroup-manager systemd: /run/dbus/system_bus_socket: this user is not let in (REJECTED EXTERNAL)");
    Ok(())
}

fn a_bus_without_systemd_is_told_of(sandbox: &Sandbox) -> Result<()> {
    let _bus = Bus::new(sandbox, |member| match member {
        "Hello" => Answer::Text(":1.7"),
        _ => Answer::Error(
            "org.freedesktop.DBus.Error.ServiceUnknown",
            "The name org.freedesktop.systemd1 was not provided by any .service files",
        ),
    })?;
    assert_snapshot!(without_systemd(sandbox)?, @"step06: cgroup: --cgroup-manager systemd: The name org.freedesktop.systemd1 was not provided by any .service files (ServiceUnknown)");
    Ok(())
}

fn a_socket_on_which_nobody_listens_is_told_of(sandbox: &Sandbox) -> Result<()> {
    let bus = Bus::none(sandbox)?;
    assert_snapshot!(without_systemd(sandbox)?, @"step06: cgroup: --cgroup-manager systemd: neither /run/dbus/system_bus_socket nor /run/systemd/private is there");
    drop(UnixListener::bind(bus.root.join(SOCKET))?);
    assert_snapshot!(without_systemd(sandbox)?, @"step06: cgroup: --cgroup-manager systemd: connecting to /run/dbus/system_bus_socket: ECONNREFUSED: Connection refused");
    Ok(())
}

/// systemd as it should be, but for these answers.
fn systemd(member: &str) -> Answer {
    match member {
        "StartTransientUnit" | "StopUnit" => Answer::Text("/org/freedesktop/systemd1/job/7"),
        // The job is done.
        "Get" => Answer::Error("org.freedesktop.DBus.Error.UnknownObject", "Unknown object"),
        _ => Answer::Text(":1.7"),
    }
}

fn a_systemd_that_does_not_answer_is_not_waited_for(sandbox: &Sandbox) -> Result<()> {
    let bus = Bus::new(sandbox, |member| match member {
        "StartTransientUnit" | "StopUnit" => Answer::Nothing,
        other => systemd(other),
    })?;
    let (outcome, took) = run(sandbox, "systemd")?;
    assert_snapshot!(error(&outcome)?, @"step06: cgroup: asking systemd for layers-ID.scope: /run/dbus/system_bus_socket: no answer within 10 s");
    expect::that("it is not waited for", took < Duration::from_secs(20), &took, "poll(2)")?;
    // It may be at work all the same.
    expect::contains("what was called", &bus.called().join(" "), "StopUnit", "systemd.scope(5)")
}

fn a_refusal_is_told_in_systemds_words(sandbox: &Sandbox) -> Result<()> {
    let bus = Bus::new(sandbox, |member| match member {
        "StartTransientUnit" => {
            Answer::Error("org.freedesktop.DBus.Error.AccessDenied", "Permission denied")
        }
        other => systemd(other),
    })?;
    assert_snapshot!(error(&run(sandbox, "systemd")?.0)?, @"step06: cgroup: asking systemd for layers-ID.scope: Permission denied (AccessDenied)");
    // What it refuses it does not do in another way.
    assert_snapshot!(error(&run(sandbox, "auto")?.0)?, @"step06: cgroup: asking systemd for layers-ID.scope: Permission denied (AccessDenied)");
    let stopped = bus.called().iter().any(|member| member == "StopUnit");
    expect::that("nothing was stopped", !stopped, &bus.called(), "systemd.scope(5)")
}

fn a_unit_that_is_anothers_is_not_stopped(sandbox: &Sandbox) -> Result<()> {
    let bus = Bus::new(sandbox, |member| match member {
        "StartTransientUnit" => Answer::Error(
            "org.freedesktop.systemd1.UnitExists",
            "Unit layers-0123456789ab.scope was already loaded or has a fragment file.",
        ),
        other => systemd(other),
    })?;
    let line = error(&run(sandbox, "systemd")?.0)?;
    assert_snapshot!(line, @"step06: cgroup: asking systemd for layers-ID.scope: Unit layers-0123456789ab.scope was already loaded or has a fragment file (UnitExists)");
    let stopped = bus.called().iter().any(|member| member == "StopUnit");
    expect::that("nothing was stopped", !stopped, &bus.called(), "systemd.scope(5)")
}

fn a_scope_without_the_container_is_stopped_and_told_of(sandbox: &Sandbox) -> Result<()> {
    let bus = Bus::new(sandbox, systemd)?;
    let line = error(&run(sandbox, "systemd")?.0)?;
    let (head, tail) = line.split_once("process ").context("a process")?;
    let tail = tail.trim_start_matches(|c: char| c.is_ascii_digit());
    assert_snapshot!(format!("{head}process PID{tail}"), @"step06: cgroup: systemd did not put process PID into layers-ID.scope (journalctl --unit layers-ID.scope may say why)");
    let stopped = bus.called().iter().any(|member| member == "StopUnit");
    expect::that("it was stopped", stopped, &bus.called(), "systemd.scope(5)")
}

fn where_systemd_does_not_run_the_host_it_is_not_looked_for(sandbox: &Sandbox) -> Result<()> {
    let bus = Bus::new(sandbox, systemd)?;
    fs::remove_dir_all(bus.root.join("run/systemd"))?;
    run(sandbox, "auto")?.0.success()?;
    assert_snapshot!(error(&run(sandbox, "systemd")?.0)?, @"step06: cgroup: --cgroup-manager systemd: systemd does not run this host (there is no /run/systemd/system)");
    expect::equal("what was called", &bus.called(), Vec::<String>::new(), "sd_booted(3)")
}
