//! Power over other processes: signals, tracing, precedence, a terminal that is shared.
//! See kill(2), ptrace(2), sched(7), TIOCSTI(2const).

use std::io::Error;

use super::{Attempt, Try, done};
use crate::sys;

pub fn find(name: &str) -> Option<Try> {
    Some(match name {
        "kill" => kill,
        "ptrace" => ptrace,
        "nice" => nice,
        "realtime" => realtime,
        "syscall" => syscall,
        "tiocsti" => tiocsti,
        _ => return None,
    })
}

/// ARG: `PID` (signal 0: only whether it could be sent) or `PID,SIGNAL`.
fn kill(argument: &str) -> Attempt {
    let (pid, signal) = argument.split_once(',').unwrap_or((argument, "0"));
    let numbers = (pid.parse(), signal.parse());
    let (Ok(pid), Ok(signal)) = numbers else { return Err(Error::from_raw_os_error(22)) };
    // SAFETY: it takes numbers.
    done(unsafe { sys::kill(pid, signal) })
}

/// ARG: the process.
fn ptrace(argument: &str) -> Attempt {
    const SEIZE: std::ffi::c_long = 0x4206;
    let pid: i32 = argument.parse().map_err(|_| Error::from_raw_os_error(22))?;
    // SAFETY: it takes numbers; the tracer's end lets go of the process.
    done(unsafe { sys::ptrace(SEIZE, pid, 0usize, 0usize) })
}

/// ARG: the number of a system call, and behind a comma its first argument, a number too. What is not
/// said is -1.
fn syscall(argument: &str) -> Attempt {
    let (number, first) = argument.split_once(',').unwrap_or((argument, "-1"));
    let invalid = |_| Error::from_raw_os_error(22);
    let number = number.parse().map_err(invalid)?;
    let first: i64 = first.parse().map_err(invalid)?;
    // SAFETY: no memory is at that address, so that the kernel touches none. Whoever says another
    // first argument means a call that takes a number there.
    done(unsafe { sys::syscall(number, first, -1isize, -1isize, -1isize, -1isize, -1isize) })
}

/// To be nicer to oneself than to others.
fn nice(_: &str) -> Attempt {
    // SAFETY: it takes numbers.
    done(unsafe { sys::setpriority(0, 0, -20) })
}

fn realtime(_: &str) -> Attempt {
    let priority = 1;
    // SAFETY: `sched_param` is one number.
    done(unsafe { sys::sched_setscheduler(0, 1, &raw const priority) })
}

/// Types a character for whoever reads the terminal next.
fn tiocsti(_: &str) -> Attempt {
    // SAFETY: the kernel reads one byte.
    done(unsafe { sys::ioctl(0, 0x5412, c"x".as_ptr()) })
}
