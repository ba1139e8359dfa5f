//! What a container's processes must not be able to do to the runtime and to whoever calls it, each of
//! which has been done to a runtime before. See `book/src/security.md`.

use std::{
    fs,
    os::unix::net::UnixListener,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
use conformance::{End, Outcome, Sandbox, expect};
use serde_json::{Value, json};

use crate::{
    agent::{Answer, Filter},
    bundle::Bundle,
    lifecycle::sleeper,
};

/// The need of a test that types: kernels since 6.2 can be told to let nobody.
pub fn without_typing() -> Option<String> {
    let allowed = fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti");
    let never = allowed.is_ok_and(|text| text.trim() != "1");
    never.then(|| "needs a kernel that allows TIOCSTI (dev.tty.legacy_tiocsti)".into())
}

/// CVE-2017-5226: a character is laid into the queue of the caller's terminal, and the caller's shell
/// reads it when the container has ended.
pub fn nobody_types_into_the_callers_terminal(sandbox: &Sandbox) -> Result<()> {
    const READ: &str = "TIOCSTI(2const), setsid(2)";
    let tried = |outcome: &Outcome| -> Result<Value> {
        let said = outcome.stdout();
        let json = said.find('{').map(|start| &said[start..]); // what was typed is echoed before
        let json = json.with_context(|| format!("it said {said:?}"))?;
        Ok(serde_json::from_str::<Value>(json)?["tiocsti"].clone())
    };
    let outside = sandbox.probe(["try", "tiocsti"]).terminal().output()?;
    expect::equal("typing outside of a container", &tried(&outside)?, "ok", READ)?;
    let bundle = Bundle::new(sandbox, &["try", "tiocsti"])?;
    let outcome = bundle.making("run", &[])?.terminal().output()?;
    expect::equal("typing in a container", &tried(&outcome)?, "EPERM", READ)?;
    bundle.is_gone()?;
    let bundle = sleeper(sandbox)?;
    let _running = bundle.start()?;
    let exec = bundle.verb(&["exec", &bundle.id, "/bin/probe", "try", "tiocsti"]);
    expect::equal("typing by exec", &tried(&exec.terminal().output()?)?, "EPERM", READ)?;
    bundle.delete()
}

/// CVE-2019-5736: until it is started, the first process is the runtime; one who may look into it can
/// open its program. (That it is busy, ETXTBSY, would be no hindrance to one who waits until it has ended.)
pub fn the_runtimes_program_cannot_be_written_to(sandbox: &Sandbox) -> Result<()> {
    let mut bundle = sleeper(sandbox)?;
    for set in ["bounding", "effective", "permitted"] {
        bundle = bundle.add(&format!("process.capabilities.{set}"), "CAP_SYS_PTRACE");
    }
    let _running = bundle.create(&[])?;
    let exec = bundle.verb(&["exec", &bundle.id, "/bin/probe", "try", "truncate=/proc/1/exe"]);
    let tried = exec.output()?.json()?;
    expect::equal("writing", &tried["truncate=/proc/1/exe"], "EROFS", "mount_setattr(2)")?;
    bundle.delete()?;
    let itself = json!(["/proc/self/exe", "--version"]);
    let outcome = Bundle::new(sandbox, &[])?.set("process.args", itself).output()?;
    ensure!(outcome.end != End::Signal(libc::SIGSEGV), "the command is damaged: {outcome}");
    sandbox.run(crate::bundle::runtime()).arg("--version").output()?.success().map(drop)
}

/// CVE-2024-21626, with a filter that is older than close_range(2), and that is there before the
/// runtime is done.
pub fn an_old_filter_leaves_nothing_open(sandbox: &Sandbox) -> Result<()> {
    let refused = json!({ "names": ["close_range"], "action": "SCMP_ACT_ERRNO" });
    let filter = json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [refused] });
    let bundle = Bundle::new(sandbox, &["report", "fds"])?
        .set("linux.seccomp", filter)
        .set("process.noNewPrivileges", false);
    let report = bundle.making("run", &[])?.descriptor(77).output()?.json()?;
    let fds = report["fds"].as_object().context("descriptors")?;
    let numbers: Vec<_> = fds.keys().map(String::as_str).collect();
    expect::equal("its descriptors", &numbers[..], ["0", "1", "2"], "close_range(2)")?;
    bundle.is_gone()
}

/// CVE-2016-9962. Both have the same user and the same capabilities, so that nothing but its being
/// hidden keeps the one out of the other.
fn look_into(bundle: &Bundle, pid: u32) -> Result<()> {
    let what = [format!("read=/proc/{pid}/environ"), format!("ptrace={pid}")];
    let exec = bundle.verb(&["exec", &bundle.id, "/bin/probe", "try"]).args(&what);
    let tried = exec.output()?.json()?;
    for (what, wanted) in what.iter().zip(["EACCES", "EPERM"]) {
        expect::equal(what, &tried[what], wanted, "PR_SET_DUMPABLE(2const)")?;
    }
    Ok(())
}

pub fn one_who_waits_at_the_gate_cannot_be_looked_into(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?;
    let _running = bundle.create(&[])?;
    look_into(&bundle, 1)?;
    bundle.delete()
}

/// The one that joins is made to stand still before its execve(2): a filter asks about that, and the
/// agent takes its time.
pub fn one_who_joins_cannot_be_looked_into(sandbox: &Sandbox) -> Result<()> {
    let socket = sandbox.dir().join("tmp").join("agent");
    let listener = UnixListener::bind(&socket)?;
    let asks = json!({ "names": ["execve", "execveat"], "action": "SCMP_ACT_NOTIFY" });
    let filter = json!({
        "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": socket, "syscalls": [asks],
    });
    let bundle = sleeper(sandbox)?.set("linux.seccomp", filter);
    let (held, stands) = channel();
    let (go, goes_on) = channel();
    let agent = thread::spawn(move || serve(&listener, &held, &goes_on));
    let _running = bundle.start()?;
    let joins = bundle.verb(&["exec", &bundle.id, "/bin/probe", "exit", "7"]).spawn()?;
    let pid = stands.recv_timeout(Duration::from_secs(20)).context("nobody joins")?;
    look_into(&bundle, inside(pid)?)?;
    go.send(())?;
    joins.wait()?.code(7)?;
    agent.join().map_err(|_| anyhow!("the agent panicked"))??;
    fs::remove_file(socket)?;
    bundle.delete()
}

/// The first process goes on, the one that joins is held, and the one that looks into it goes on.
fn serve(listener: &UnixListener, held: &Sender<u32>, goes_on: &Receiver<()>) -> Result<()> {
    let ask = || {
        let (filter, _) = Filter::accept(listener)?;
        let asked = filter.asked()?;
        Ok::<_, anyhow::Error>((filter, asked))
    };
    let (first, asked) = ask()?;
    first.answer(&asked, Answer::Continue)?;
    let (joining, joins) = ask()?;
    held.send(joins.pid)?;
    let (looking, asked) = ask()?;
    looking.answer(&asked, Answer::Continue)?;
    goes_on.recv_timeout(Duration::from_secs(20))?;
    joining.answer(&joins, Answer::Continue)
}

/// The number of a process in the innermost of its PID namespaces. See NSpid in proc_pid_status(5).
fn inside(pid: u32) -> Result<u32> {
    let file = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let last = numbers.and_then(|numbers| numbers.split_whitespace().last());
    Ok(last.context("NSpid")?.parse()?)
}
