//! Becoming another user, or entering other namespaces. See credentials(7), namespaces(7).

use std::{fs::File, io::Error, os::fd::AsRawFd};

use super::{Attempt, Try, done};
use crate::sys;

pub fn find(name: &str) -> Option<Try> {
    Some(match name {
        "unshare" => unshare,
        "setns" => setns,
        "setuid" => setuid,
        "setgid" => setgid,
        "setgroups" => setgroups,
        _ => return None,
    })
}

/// ARG: the kind of namespace, as in `/proc/self/ns`.
fn unshare(argument: &str) -> Attempt {
    let flag = match argument {
        "user" => 0x1000_0000,
        "mnt" => 0x0002_0000,
        "uts" => 0x0400_0000,
        "ipc" => 0x0800_0000,
        "pid" => 0x2000_0000,
        "net" => 0x4000_0000,
        "cgroup" => 0x0200_0000,
        "time" => 0x0000_0080,
        _ => return Err(Error::from_raw_os_error(22)),
    };
    // SAFETY: it takes a number.
    done(unsafe { sys::unshare(flag) })
}

/// ARG: the file of the namespace.
fn setns(argument: &str) -> Attempt {
    let file = File::open(argument)?;
    // SAFETY: it takes numbers.
    done(unsafe { sys::setns(file.as_raw_fd(), 0) })
}

fn id(argument: &str) -> std::result::Result<u32, Error> {
    argument.parse().map_err(|_| Error::from_raw_os_error(22))
}

/// ARG: the user.
fn setuid(argument: &str) -> Attempt {
    // SAFETY: it takes a number.
    done(unsafe { sys::setuid(id(argument)?) })
}

/// ARG: the group.
fn setgid(argument: &str) -> Attempt {
    // SAFETY: it takes a number.
    done(unsafe { sys::setgid(id(argument)?) })
}

/// ARG: the one supplementary group.
fn setgroups(argument: &str) -> Attempt {
    let group = id(argument)?;
    // SAFETY: a list of one.
    done(unsafe { sys::setgroups(1, &raw const group) })
}
