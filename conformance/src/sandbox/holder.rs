//! The process that holds a sandbox's namespaces until its standard input ends.
//!
//! It answers to a line on its standard input with what can be seen only from within them, see
//! `view.rs`. See unshare(2), user_namespaces(7), mount_namespaces(7).

use std::{
    fs,
    io::{BufRead, BufReader, Write, stdin, stdout},
    os::{fd::AsRawFd, unix::process::CommandExt},
    process::{Child, ChildStdout, Command, ExitCode, Stdio},
};

use anyhow::{Context, Result, bail};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::socket::{AddressFamily, SockFlag, SockType, socket},
    unistd::{Pid, getegid, geteuid},
};

use super::view;

pub(super) const NAME: &str = "conformance-holder";
const READY: &str = "ready";

/// The holder, seen from the test. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Holder {
    child: Child,
    output: BufReader<ChildStdout>,
    user_namespace: bool,
}

impl Holder {
    pub fn start(user_namespace: bool) -> Result<Self> {
        let mut child = Command::new("/proc/self/exe")
            .arg0(NAME)
            .args(user_namespace.then_some("user"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the sandbox's holder")?;
        let output = child.stdout.take().context("the holder has no output")?;
        let mut holder = Self { child, output: BufReader::new(output), user_namespace };
        match holder.line()?.as_str() {
            READY => Ok(holder),
            error => bail!("{error}"),
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    pub fn user_namespace(&self) -> bool {
        self.user_namespace
    }

    /// What can be seen only from within: a line for each thing.
    pub fn look(&mut self) -> Result<Vec<String>> {
        let input = self.child.stdin.as_mut().context("the holder has no input")?;
        input.write_all(b"look\n").context("asking the holder")?;
        serde_json::from_str(&self.line()?).context("reading the holder's answer")
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).context("listening to the holder")?;
        Ok(line.trim_end().to_string())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The holder's own `main`.
pub(super) fn main() -> ExitCode {
    let user_namespace = std::env::args_os().nth(1).is_some();
    let result =
        super::close_range(0).and_then(|()| set_up(user_namespace)).and_then(|()| answer());
    if let Err(error) = result {
        let _ = writeln!(stdout(), "{error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Until the end of the input, which is the end of the test.
fn answer() -> Result<()> {
    let mut output = stdout();
    writeln!(output, "{READY}").context("answering")?;
    for line in stdin().lines() {
        line.context("listening to the test")?;
        writeln!(output, "{}", serde_json::json!(view::all())).context("answering")?;
    }
    Ok(())
}

pub(super) fn set_up(user_namespace: bool) -> Result<()> {
    let (user, group) = (geteuid(), getegid());
    let mut namespaces = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC;
    if user_namespace {
        namespaces |= CloneFlags::CLONE_NEWUSER;
    }
    unshare(namespaces).context("making namespaces")?;
    if user_namespace {
        let write = |file: &str, text: String| {
            let path = format!("/proc/self/{file}");
            fs::write(&path, text).with_context(|| format!("writing {path}"))
        };
        write("setgroups", "deny".into())?;
        write("uid_map", format!("0 {user} 1"))?;
        write("gid_map", format!("0 {group} 1"))?;
    }
    private_mounts()?;
    no_forwarding();
    loopback_up()
}

/// A new network namespace forwards packets if the machine does, as one that has Docker does.
fn no_forwarding() {
    for file in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
        // Where /proc/sys cannot be written to, what the machine does is what there is.
        let _ = fs::write(format!("/proc/sys/net/{file}"), "0");
    }
}

/// Mounts from here on are this namespace's alone, and `/run` is empty but for the name servers.
fn private_mounts() -> Result<()> {
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .context("making mounts private")?;
    // On many machines /etc/resolv.conf is a link into /run.
    let resolv = fs::canonicalize("/etc/resolv.conf").ok().filter(|path| path.starts_with("/run"));
    let resolv = resolv.and_then(|path| Some((fs::read(&path).ok()?, path)));
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), flags, Some("mode=755"))
        .context("mounting a tmpfs on /run")?;
    if let Some((text, path)) = resolv {
        let dir = path.parent().context("a file without a directory")?;
        fs::create_dir_all(dir)
            .and_then(|()| fs::write(&path, text))
            .context("keeping resolv.conf")?;
    }
    Ok(())
}

/// See netdevice(7).
fn loopback_up() -> Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
        .context("opening a socket")?;
    // SAFETY: `ifreq` is plain old data, for which zero is a good value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: the kernel reads the request, which lives until the call returns.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    nix::errno::Errno::result(result).map(drop).context("bringing lo up")
}
