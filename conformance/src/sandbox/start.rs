//! Starting a program in a sandbox, with the user, signals, terminal and descriptors that the test
//! wants for it. See execve(2), sigprocmask(2).

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::{fd::AsRawFd, unix::process::CommandExt},
    process::Command,
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    unistd::{Pid, setsid},
};

use super::{ORDINARY, Order};

/// The program's process, a child of this one.
pub fn start(order: &Order, argv: &[OsString]) -> Result<Pid> {
    let (program, args) = argv.split_first().context("no program was given")?;
    let mut command = Command::new(program);
    command.args(args);
    if order.ordinary && !order.user_namespace {
        command.uid(ORDINARY).gid(ORDINARY); // and no supplementary groups
    }
    let nested = order.ordinary && order.user_namespace;
    let (blocked, ignored) = (order.blocked.clone(), order.ignored.clone());
    let (terminal, descriptors) = (order.terminal, order.descriptors.clone());
    let prepare = move || {
        setsid()?;
        if terminal {
            // SAFETY: it takes numbers. See TIOCSCTTY(2const).
            Errno::result(unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) })?;
        }
        if nested {
            become_ordinary()?;
        }
        open_descriptors(&descriptors)?;
        set_signals(&blocked, &ignored)
    };
    // SAFETY: this process has one thread, so its copy may do whatever a process may do.
    unsafe { command.pre_exec(prepare) };
    let child = command.spawn().with_context(|| format!("executing {}", program.display()))?;
    Ok(Pid::from_raw(child.id().cast_signed()))
}

/// In a sandbox of one user id there is nobody but root: a further user namespace renames it.
fn become_ordinary() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWUSER)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{ORDINARY} 0 1"))?;
    fs::write("/proc/self/gid_map", format!("{ORDINARY} 0 1"))
}

/// Each is the machine's root directory: what a container would most like to find.
fn open_descriptors(numbers: &[i32]) -> io::Result<()> {
    let root = File::open("/")?;
    for number in numbers {
        // SAFETY: dup2(2) takes numbers; nothing of this process is at the new one, just forked.
        Errno::result(unsafe { libc::dup2(root.as_raw_fd(), *number) })?;
    }
    Ok(())
}

fn set_signals(blocked: &[i32], ignored: &[i32]) -> io::Result<()> {
    // SAFETY: the set is initialised by sigemptyset; ignoring a signal runs no code.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for number in blocked {
            libc::sigaddset(&raw mut set, *number);
        }
        // Those that the test's own surroundings ignore, as a shell's background jobs do, are not.
        for number in 1..=64 {
            libc::signal(number, libc::SIG_DFL);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
        for number in ignored {
            libc::signal(*number, libc::SIG_IGN);
        }
    }
    Ok(())
}
