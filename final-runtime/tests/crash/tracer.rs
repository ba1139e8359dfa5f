//! Kills a program at a system call of one's choice.
//!
//! Counted are those that change something that outlives the program, made by it or its children. It
//! is killed before the chosen one is carried out. Its children are not: they have to end by
//! themselves when it does. See ptrace(2), wait(2).

use std::{
    collections::HashSet,
    env,
    mem::MaybeUninit,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, ExitCode, ExitStatus},
};

use anyhow::{Context, Result, bail};
use conformance::{Run, Sandbox};
use nix::{
    errno::Errno,
    sys::{
        ptrace::{self, Options},
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

const NAME: &str = "kill-at";

/// The calls that are counted; `openat` besides, if it makes a file.
const CHANGES: [libc::c_long; 20] = [
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_flock,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_ioctl,
    libc::SYS_linkat,
    libc::SYS_mkdirat,
    libc::SYS_mount,
    libc::SYS_pwrite64,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_symlinkat,
    libc::SYS_syncfs,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
    libc::SYS_write,
    libc::SYS_clone3,
];

/// The older names of some, where there are any.
#[cfg(target_arch = "x86_64")]
const OLDER: [libc::c_long; 8] = [
    libc::SYS_chmod,
    libc::SYS_link,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_symlink,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: [libc::c_long; 0] = [];

/// A program that is killed at the call of this number; at none if it is 0. What is counted goes to
/// the file `note`.
pub fn killed<'a>(sandbox: &'a Sandbox, moment: u64, note: &str) -> Run<'a> {
    let program = env::current_exe().expect("a program has a file");
    sandbox.run(program).arg(NAME).arg(moment.to_string()).arg(note)
}

/// What such a process does; `None` if this is none.
pub fn main() -> Option<ExitCode> {
    let words: Vec<String> = env::args().collect();
    let [_, name, moment, note, program, args @ ..] = &words[..] else { return None };
    if name != NAME {
        return None;
    }
    let trace = || -> Result<ExitStatus> {
        let tell = |count: u64| Ok(std::fs::write(note, count.to_string())?);
        let (count, status) = trace(Command::new(program).args(args), moment.parse()?, tell)?;
        tell(count)?;
        Ok(status)
    };
    match trace() {
        Ok(status) => Some(ExitCode::from(status.code().map_or(99, |code| code as u8))),
        Err(error) => {
            eprintln!("{NAME}: {error:#}");
            Some(ExitCode::from(98))
        }
    }
}

/// `ended` is called when the program itself has ended, though others may go on.
fn trace(
    command: &mut Command,
    moment: u64,
    ended: impl Fn(u64) -> Result<()>,
) -> Result<(u64, ExitStatus)> {
    // SAFETY: one system call between fork and exec.
    unsafe { command.pre_exec(|| Ok(ptrace::traceme()?)) };
    let child = command.spawn().context("starting it")?;
    let child = Pid::from_raw(i32::try_from(child.id())?);
    waitpid(child, None).context("waiting for its start")?;
    let all = Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_EXITKILL;
    ptrace::setoptions(child, all).context("following it")?;
    go_on(child, None)?;
    let (mut count, mut known, mut status) = (0, HashSet::from([child]), None);
    loop {
        match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::PtraceSyscall(pid)) => {
                if begins_a_change(pid) {
                    count += 1;
                    if count == moment {
                        kill(child, Signal::SIGKILL).context("killing it")?;
                    }
                }
                go_on(pid, None)?;
            }
            // A new one begins with a stop that nobody has sent.
            Ok(WaitStatus::Stopped(pid, Signal::SIGSTOP)) if known.insert(pid) => go_on(pid, None)?,
            Ok(WaitStatus::Stopped(pid, signal)) => go_on(pid, Some(signal))?,
            Ok(WaitStatus::PtraceEvent(pid, ..)) => go_on(pid, None)?,
            Ok(WaitStatus::Exited(pid, code)) if pid == child => {
                status = Some(ExitStatus::from_raw(code << 8));
                ended(count)?;
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => {
                status = Some(ExitStatus::from_raw(signal as i32));
                ended(count)?;
            }
            Ok(_) => {}
            Err(Errno::ECHILD) => break,
            Err(errno) => bail!("waiting: {errno}"),
        }
    }
    Ok((count, status.context("it has not ended")?))
}

/// One that has been killed meanwhile is no error.
fn go_on(pid: Pid, signal: Option<Signal>) -> Result<()> {
    match ptrace::syscall(pid, signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => bail!("letting {pid} go on: {errno}"),
    }
}

/// Whether a process that has stopped is about to make one of the calls that are counted. Where the
/// kernel does not tell, each stop is one.
fn begins_a_change(pid: Pid) -> bool {
    const ENTRY: u8 = 1; // PTRACE_SYSCALL_INFO_ENTRY
    let mut info = MaybeUninit::<libc::ptrace_syscall_info>::zeroed();
    let size = size_of::<libc::ptrace_syscall_info>();
    // SAFETY: the kernel writes at most `size` bytes; all of it is zero before.
    let info = unsafe {
        if libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, pid.as_raw(), size, info.as_mut_ptr()) < 0 {
            return Errno::last() != Errno::ESRCH;
        }
        info.assume_init()
    };
    if info.op != ENTRY {
        return false;
    }
    // SAFETY: at an entry it is this member that counts.
    let entry = unsafe { info.u.entry };
    let makes = entry.args[2] & libc::O_CREAT as u64 != 0;
    let number = libc::c_long::try_from(entry.nr).unwrap_or(-1);
    CHANGES.contains(&number) || OLDER.contains(&number) || (number == libc::SYS_openat && makes)
}
