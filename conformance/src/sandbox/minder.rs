//! The process that runs one program in a sandbox, and sees to it that nothing survives.
//!
//! Orphans of the program become the minder's children (PR_SET_CHILD_SUBREAPER), whatever
//! namespaces they are in; so its descendants are all that the program has started. When the
//! program has ended, any that are still there after a while are named and killed. If the test
//! goes away, or tells it to, the minder kills everything at once.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Write,
    os::{
        fd::{AsFd, AsRawFd, FromRawFd},
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    path::Path,
    process::{ExitCode, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sched::{CloneFlags, setns},
    sys::{
        prctl::set_child_subreaper,
        signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask},
        signalfd::{SfdFlags, SignalFd},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout},
};

use super::{
    order::{Order, Said},
    start::start,
};
use crate::process::{descendants, describe};

pub(super) const NAME: &str = "conformance-minder";

/// How long descendants may take to follow their program. Being killed by the kernel
/// (PR_SET_PDEATHSIG, the end of a PID namespace) happens soon, but not at once.
const GRACE: Duration = Duration::from_secs(5);

/// The minder's own `main`.
pub(super) fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let order = args.next().unwrap_or_default();
    let order = match serde_json::from_str::<Order>(&order.to_string_lossy()) {
        Ok(order) => order,
        Err(error) => {
            eprintln!("{NAME}: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    // SAFETY: the test has opened this descriptor for the minder, which owns it from here on.
    let mut socket = unsafe { UnixStream::from_raw_fd(order.socket) };
    match mind(&order, args.collect(), &mut socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = socket.write_all(Said::Failed(format!("{error:#}")).to_line().as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn mind(order: &Order, argv: Vec<OsString>, socket: &mut UnixStream) -> Result<()> {
    super::close_range(libc::CLOSE_RANGE_CLOEXEC)?;
    join(order)?;
    std::env::set_current_dir(&order.cwd).with_context(|| format!("entering {}", order.cwd))?;
    set_child_subreaper(true).context("becoming a subreaper")?;
    let mut held = SigSet::empty();
    held.add(Signal::SIGCHLD);
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&held), None).context("blocking SIGCHLD")?;
    let news = SignalFd::with_flags(&held, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;

    let program = start(order, &argv)?;
    let mut say = |said: Said| socket.write_all(said.to_line().as_bytes());
    say(Said::Started(program.as_raw()))?;
    let_go_of_stdio()?;

    let mut ended: Option<Instant> = None;
    loop {
        let leash = socket.as_fd();
        let mut fds =
            [PollFd::new(leash, PollFlags::POLLIN), PollFd::new(news.as_fd(), PollFlags::POLLIN)];
        let patience = match ended {
            Some(_) if !order.detaches => PollTimeout::from(20u8),
            _ => PollTimeout::NONE,
        };
        match poll(&mut fds, patience) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("waiting"),
        }
        if fds[0].any().unwrap_or(true) {
            kill_all()?;
            return Ok(()); // nobody listens any more
        }
        while news.read_signal()?.is_some() {}
        while let Some(status) = reap()? {
            match status {
                Reaped::One(pid, status) if pid == program => {
                    ended = Some(Instant::now());
                    socket.write_all(Said::Ended(status.into_raw()).to_line().as_bytes())?;
                }
                Reaped::One(..) => {}
                Reaped::Last if order.detaches && ended.is_some() => break,
                Reaped::Last => {
                    socket.write_all(Said::Left(Vec::new()).to_line().as_bytes())?;
                    return Ok(());
                }
            }
        }
        if ended.is_some_and(|at| at.elapsed() > GRACE) && !order.detaches {
            let left = descendants(Pid::this()).iter().map(|pid| describe(*pid)).collect();
            kill_all()?;
            socket.write_all(Said::Left(left).to_line().as_bytes())?;
            return Ok(());
        }
    }
}

/// Enters the sandbox's namespaces. The user namespace comes first: it gives the right to enter
/// the others.
fn join(order: &Order) -> Result<()> {
    let open = |name: &str| {
        let path = format!("/proc/{}/ns/{name}", order.holder);
        File::open(&path).with_context(|| format!("opening {path}"))
    };
    let user = order.user_namespace.then(|| open("user")).transpose()?;
    let others = ["mnt", "net", "uts", "ipc"].map(open);
    for namespace in user.into_iter().map(Ok).chain(others) {
        setns(namespace?, CloneFlags::empty()).context("joining a namespace")?;
    }
    Ok(())
}

/// So that the test sees the end of the output when the program, not the minder, ends.
fn let_go_of_stdio() -> Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    debug_assert!(null.as_raw_fd() > 2);
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok(())
}

/// One that was frozen by cgroup v1 dies when it goes on. See the kernel's
/// admin-guide/cgroup-v1/freezer-subsystem.
fn thaw(pid: Pid) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let freezer = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let freezer = freezer.into_iter().find(|words| {
        words[2] == "cgroup" && words[3].split(',').any(|option| option == "freezer")
    });
    let group = groups.lines().map(|line| line.splitn(3, ':').collect::<Vec<_>>());
    let group = group.into_iter().find(|fields| fields[1].split(',').any(|one| one == "freezer"));
    let (Some(freezer), Some(&[_, _, group])) = (freezer, group.as_deref()) else { return };
    let group = Path::new(group.trim_start_matches('/'));
    for group in group.ancestors().filter(|group| !group.as_os_str().is_empty()) {
        let file = Path::new(freezer[1]).join(group).join("freezer.state");
        let _ = fs::write(file, "THAWED"); // the group may be gone
    }
}

enum Reaped {
    One(Pid, ExitStatus),
    /// There are no children any more.
    Last,
}

fn reap() -> Result<Option<Reaped>> {
    let mut status = 0;
    // SAFETY: waitpid(2) writes the status. nix's own cannot tell of real-time signals.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    match Errno::result(pid) {
        Ok(0) => Ok(None),
        Ok(pid) => Ok(Some(Reaped::One(Pid::from_raw(pid), ExitStatus::from_raw(status)))),
        Err(Errno::ECHILD) => Ok(Some(Reaped::Last)),
        Err(errno) => Err(errno).context("reaping"),
    }
}

/// Kills every descendant, and theirs that become children meanwhile, until none is left.
fn kill_all() -> Result<()> {
    loop {
        for pid in descendants(Pid::this()) {
            let _ = kill(pid, Signal::SIGKILL); // it may be gone
            thaw(pid);
        }
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return Ok(()),
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(1)),
            _ => {}
        }
    }
}
