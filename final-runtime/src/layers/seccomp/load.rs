//! Giving a filter to the kernel. See seccomp(2), SECCOMP_SET_MODE_FILTER.

use std::os::fd::{FromRawFd, OwnedFd};

use anyhow::{Result, anyhow};
use nix::errno::Errno;

use super::{Filter, bpf::Instruction};
use crate::spec::seccomp::{Flag, Seccomp};

/// `struct sock_fprog`
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

/// What seccomp(2) is told besides the program.
///
/// A list that is not there is not an empty one: then, as in other runtimes, programs go on as fast
/// as before (SPEC_ALLOW). A flag about waiting for an agent means nothing without one, and one
/// about other threads nothing in a process that has none.
pub fn flags(spec: &Seccomp, notify: bool) -> u64 {
    let one = |flag: &Flag| match flag {
        Flag::Tsync if notify => 0, // the thread that talks to the agent has to stay free
        Flag::WaitKillableRecv if !notify => 0,
        flag => bit(*flag),
    };
    match &spec.flags {
        None => libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
        Some(flags) => flags.iter().map(one).fold(0, |all, flag| all | flag),
    }
}

fn bit(flag: Flag) -> u64 {
    match flag {
        Flag::Tsync => libc::SECCOMP_FILTER_FLAG_TSYNC,
        Flag::Log => libc::SECCOMP_FILTER_FLAG_LOG,
        Flag::SpecAllow => libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
        Flag::WaitKillableRecv => libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
    }
}

/// Whether this kernel has the flag: it looks at flags before it finds that there is no filter.
pub fn has(flag: Flag) -> bool {
    let agent = match flag {
        Flag::WaitKillableRecv => libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
        _ => 0,
    };
    let (mode, none) = (libc::SECCOMP_SET_MODE_FILTER, std::ptr::null::<Program>());
    // SAFETY: the kernel finds a null pointer by itself (EFAULT).
    let result = unsafe { libc::syscall(libc::SYS_seccomp, mode, bit(flag) | agent, none) };
    Errno::result(result) == Err(Errno::EFAULT)
}

/// Puts the filter on this thread and all that descends from it; `listen` for the descriptor of
/// an agent. Makes no system call when it has worked: what comes after is the filter's to allow.
pub fn load(filter: &Filter, listen: bool) -> Result<Option<OwnedFd>> {
    let length = u16::try_from(filter.program.len())?;
    let program = Program { length, instructions: filter.program.as_ptr() };
    let listening = if listen { libc::SECCOMP_FILTER_FLAG_NEW_LISTENER } else { 0 };
    // SAFETY: `program` is what this operation reads, and its instructions live as long.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            filter.flags | listening,
            &raw const program,
        )
    };
    match Errno::result(result) {
        // SAFETY: the kernel has just opened it for us.
        Ok(fd) if listen => Ok(Some(unsafe { OwnedFd::from_raw_fd(fd as i32) })),
        Ok(_) => Ok(None),
        Err(errno) => {
            Err(anyhow!("loading a filter of {length} instructions: {errno}{}", hint(errno)))
        }
    }
}

fn hint(errno: Errno) -> &'static str {
    match errno {
        Errno::EACCES => " (without no_new_privs it takes CAP_SYS_ADMIN)",
        Errno::EINVAL => " (the kernel may not know one of the flags or actions)",
        Errno::EBUSY => " (a filter with a listener is there already)",
        Errno::ENOMEM => " (the filters of a process may have 32768 instructions in all)",
        _ => "",
    }
}
