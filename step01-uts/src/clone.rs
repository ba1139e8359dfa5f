//! `clone3`: a process is born, into new namespaces. See clone(2), namespaces(7).

use std::{
    fs,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use anyhow::{Error, Result, anyhow};
use nix::{errno::Errno, sched::CloneFlags, unistd::Pid};

use crate::{Explain, sh};

/// A new process, seen from its parent.
#[derive(Debug)]
pub struct Child {
    /// Its number in the parent's PID namespace.
    pub pid: Pid,
    /// Refers to this process and no later one with the same number. See pidfd_open(2).
    pub pidfd: OwnedFd,
}

/// Forks into `namespaces` and, if one is given, into a group of cgroup v2. Like fork(2) it returns
/// twice: `None` is the child.
///
/// Where the kernel does not take the group (CLONE_INTO_CGROUP is of Linux 5.7) the child is born
/// without: the layer that wants it there has to look, and to say what is wrong with its group.
///
/// Only to be called from a process of one thread: the child has a copy of the memory, locks
/// that other threads held included.
pub fn clone3(
    explain: &Explain,
    namespaces: CloneFlags,
    group: Option<BorrowedFd>,
) -> Result<Option<Child>> {
    explain.say(unshare(namespaces));
    let mut born = raw(namespaces, libc::SIGCHLD, group);
    if born.is_err() && group.is_some() {
        born = raw(namespaces, libc::SIGCHLD, None);
    }
    born.map_err(|errno| refused(namespaces, errno))
}

fn refused(namespaces: CloneFlags, errno: Errno) -> Error {
    let (what, hint) = (list(namespaces), refusal(namespaces, errno));
    match namespaces.is_empty() {
        true => anyhow!("namespaces: forking: {errno}"),
        false => anyhow!("namespaces: creating {what}: {errno}{hint}"),
    }
}

/// Forks a sibling into `namespaces`: a child of this process's own parent, which alone can wait for
/// it.
pub(crate) fn sibling(explain: &Explain, namespaces: CloneFlags) -> Result<Option<Child>> {
    if !namespaces.is_empty() {
        explain.say(unshare(namespaces));
    }
    // The exit signal is this process's own.
    raw(namespaces | CloneFlags::CLONE_PARENT, 0, None).map_err(|errno| refused(namespaces, errno))
}

/// Bit 33: it fits neither `CloneFlags` nor the `c_int` that libc has for it.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

fn raw(
    flags: CloneFlags,
    exit_signal: i32,
    group: Option<BorrowedFd>,
) -> nix::Result<Option<Child>> {
    // ANCHOR: exercise-1-6
    let mut pidfd: RawFd = -1;
    let flags = flags.bits() | libc::CLONE_PIDFD;
    // SAFETY: `clone_args` is a plain structure of integers, for which zero means "not used".
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = u64::from(flags.cast_unsigned());
    args.pidfd = &raw mut pidfd as u64;
    args.exit_signal = u64::from(exit_signal.cast_unsigned());
    if let Some(group) = group {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::from(group.as_raw_fd().cast_unsigned());
    }
    // SAFETY: without CLONE_VM this is fork(2): the child goes on with its own copy of the stack.
    // The kernel writes `pidfd` before it returns in the parent.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of_val(&args)) };
    match Errno::result(pid)? {
        0 => Ok(None),
        pid => Ok(Some(Child {
            pid: Pid::from_raw(i32::try_from(pid).expect("the kernel's pids fit pid_t")),
            // SAFETY: the kernel has just opened this descriptor for us.
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        })),
    }
    // ANCHOR_END: exercise-1-6
}

/// A descriptor of a process that has a number already. See pidfd_open(2).
pub fn pidfd_open(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: two numbers go in; the descriptor that comes out is ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let fd = RawFd::try_from(Errno::result(fd)?).expect("descriptors fit c_int");
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Every namespace: flag, name in unshare(1), name of its limit in `/proc/sys/user`.
const NAMESPACES: [(CloneFlags, &str, &str); 7] = [
    (CloneFlags::CLONE_NEWUSER, "user", "user"),
    (CloneFlags::CLONE_NEWCGROUP, "cgroup", "cgroup"),
    (CloneFlags::CLONE_NEWUTS, "uts", "uts"),
    (CloneFlags::CLONE_NEWIPC, "ipc", "ipc"),
    (CloneFlags::CLONE_NEWPID, "pid", "pid"),
    (CloneFlags::CLONE_NEWNET, "net", "net"),
    (CloneFlags::CLONE_NEWNS, "mount", "mnt"),
];

fn members(flags: CloneFlags) -> impl Iterator<Item = (&'static str, &'static str)> {
    let member = move |(flag, ..): &(CloneFlags, _, _)| flags.contains(*flag);
    let names = |(_, name, limit)| (name, limit);
    NAMESPACES.into_iter().filter(member).map(names)
}

fn list(flags: CloneFlags) -> String {
    let names: Vec<_> = members(flags).map(|(name, _)| name).collect();
    names.join(", ")
}

fn unshare(flags: CloneFlags) -> String {
    let words = members(flags).map(|(name, _)| format!("--{name}"));
    // A shell would lose its power over the namespace by being executed before ids are mapped.
    let keep = flags.contains(CloneFlags::CLONE_NEWUSER).then(|| "--keep-caps".to_string());
    sh(["unshare".to_string(), "--fork".to_string()].into_iter().chain(words).chain(keep))
}

/// Why the kernel refuses new namespaces, as far as its settings tell; begins with a space.
fn refusal(flags: CloneFlags, errno: Errno) -> String {
    let setting = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_string();
    let user = flags.contains(CloneFlags::CLONE_NEWUSER);
    let full = members(flags)
        .map(|(_, limit)| format!("/proc/sys/user/max_{limit}_namespaces"))
        .find(|path| setting(path) == "0");
    let clone = "/proc/sys/kernel/unprivileged_userns_clone";
    let apparmor = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
    match errno {
        Errno::ENOSPC if full.is_some() => format!(" (forbidden by {} = 0)", full.unwrap_or_default()),
        Errno::ENOSPC => " (a limit in /proc/sys/user/max_*_namespaces is reached, or they are nested 32 deep)".into(),
        Errno::EPERM if user && setting(clone) == "0" => format!(" (forbidden by {clone} = 0)"),
        Errno::EPERM if user && setting(apparmor) == "1" => format!(" (restricted by {apparmor} = 1)"),
        Errno::EPERM if user => " (a seccomp filter, or a root directory changed by chroot, forbids user namespaces here)".into(),
        Errno::EPERM => " (this takes CAP_SYS_ADMIN: be root, be it in a user namespace as by `unshare --map-root-user`)".into(),
        Errno::EINVAL => " (this kernel was built without one of them)".into(),
        _ => String::new(),
    }
}
