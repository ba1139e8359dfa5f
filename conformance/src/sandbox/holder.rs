//! The process that holds a sandbox's namespaces until its standard input ends.
//!
//! See unshare(2), user_namespaces(7), mount_namespaces(7).

use std::{
    fs,
    io::{Read, Write, stdin, stdout},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitCode, Stdio},
};

use anyhow::{Context, Result, bail};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::socket::{AddressFamily, SockFlag, SockType, socket},
    unistd::{Pid, getegid, geteuid},
};
use std::os::fd::AsRawFd;

pub(super) const NAME: &str = "conformance-holder";
const READY: &str = "ready";

/// The holder, seen from the test. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Holder {
    child: Child,
    user_namespace: bool,
}

impl Holder {
    pub fn start(user_namespace: bool) -> Result<Self> {
        let child = Command::new("/proc/self/exe")
            .arg0(NAME)
            .args(user_namespace.then_some("user"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the sandbox's holder")?;
        let mut holder = Self { child, user_namespace };
        let mut said = String::new();
        let output = holder.child.stdout.take();
        output.context("the holder has no output")?.read_to_string(&mut said)?;
        if said != READY {
            bail!("{said}");
        }
        Ok(holder)
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    pub fn user_namespace(&self) -> bool {
        self.user_namespace
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
    let (text, code) = match set_up(user_namespace) {
        Ok(()) => (READY.to_string(), ExitCode::SUCCESS),
        Err(error) => (format!("{error:#}"), ExitCode::FAILURE),
    };
    print!("{text}");
    let _ = stdout().flush();
    // The end of the output is the sign for the test to go on.
    let _ = nix::unistd::close(1);
    if code == ExitCode::SUCCESS {
        let _ = stdin().read_to_end(&mut Vec::new());
    }
    code
}

fn set_up(user_namespace: bool) -> Result<()> {
    let (user, group) = (geteuid(), getegid());
    let mut namespaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET;
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
    loopback_up()
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
