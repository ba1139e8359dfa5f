//! What is the whole machine's: its modules, clock, name, log, its going on at all.

use std::{fs, ptr::null};

use super::{Attempt, Try, done, or};
use crate::sys;

pub fn find(name: &str) -> Option<Try> {
    Some(match name {
        "load-module" => load_module,
        "settime" => settime,
        "reboot" => reboot,
        "swapon" => swapon,
        "kexec" => kexec,
        "acct" => acct,
        "syslog" => syslog,
        "sethostname" => sethostname,
        _ => return None,
    })
}

/// [EBADF]
fn load_module(_: &str) -> Attempt {
    // SAFETY: the descriptor is none.
    done(unsafe { sys::syscall(sys::nr::FINIT_MODULE, -1, c"".as_ptr(), 0) })
}

/// Sets no time, but an impossible time zone. [EINVAL]
fn settime(_: &str) -> Attempt {
    let zone = [100_000i32, 0];
    // SAFETY: a time zone is two numbers.
    done(unsafe { sys::syscall(sys::nr::SETTIMEOFDAY, null::<u8>(), zone.as_ptr()) })
}

/// With a wrong magic number. [EINVAL]
fn reboot(_: &str) -> Attempt {
    // SAFETY: it takes numbers, of which the second is wrong.
    done(unsafe { sys::syscall(sys::nr::REBOOT, 0xfee1_dead_u32, 1, 0, 0) })
}

/// Of a file that is not there. [ENOENT]
fn swapon(_: &str) -> Attempt {
    // SAFETY: the path is static.
    done(unsafe { sys::swapon(c"/probe-no-such-file".as_ptr(), 0) })
}

/// With an impossible number of segments. [EINVAL]
fn kexec(_: &str) -> Attempt {
    // SAFETY: it refuses before it reads anything.
    done(unsafe { sys::syscall(sys::nr::KEXEC_LOAD, 0, 10_000, null::<u8>(), 0) })
}

/// To a file that is not there. [ENOENT]
fn acct(_: &str) -> Attempt {
    // SAFETY: the path is static.
    done(unsafe { sys::acct(c"/probe-no-such-file".as_ptr()) })
}

/// Asks for the size of the kernel's log.
fn syslog(_: &str) -> Attempt {
    // SAFETY: this command reads no buffer.
    done(unsafe { sys::syscall(sys::nr::SYSLOG, 9, null::<u8>(), 0) })
}

/// ARG: the name; what it is already.
fn sethostname(argument: &str) -> Attempt {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = or(argument, name.trim());
    // SAFETY: the name is as long as is said.
    done(unsafe { sys::sethostname(name.as_ptr().cast(), name.len()) })
}
