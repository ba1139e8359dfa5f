//! Interfaces of the kernel that a container has little use for, and that have been the way to many
//! an escape: socket families, keyrings, eBPF, perf, userfaultfd.

use std::net::TcpListener;

use super::{Attempt, Try, done};
use crate::sys;

pub fn find(name: &str) -> Option<Try> {
    Some(match name {
        "socket-raw" => |_| socket(2, 3, 1),
        "socket-packet" => |_| socket(17, 3, 0),
        "socket-alg" => |_| socket(38, 5, 0),
        "socket-vsock" => |_| socket(40, 1, 0),
        "bind" => bind,
        "keyctl" => keyctl,
        "bpf" => bpf,
        "perf" => perf,
        "userfaultfd" => userfaultfd,
        _ => return None,
    })
}

fn socket(domain: i32, kind: i32, protocol: i32) -> Attempt {
    // SAFETY: it takes numbers.
    done(unsafe { sys::socket(domain, kind, protocol) })
}

/// ARG: the TCP port.
fn bind(argument: &str) -> Attempt {
    TcpListener::bind(format!("0.0.0.0:{argument}")).map(drop)
}

/// Adds a key to the session's keyring.
fn keyctl(_: &str) -> Attempt {
    // SAFETY: the strings are static, the key is one byte.
    unsafe {
        let (kind, name, key) = (c"user".as_ptr(), c"probe".as_ptr(), c"x".as_ptr());
        done(sys::syscall(sys::nr::KEYCTL, 0, -3, 0))?;
        done(sys::syscall(sys::nr::ADD_KEY, kind, name, key, 1usize, -1))
    }
}

/// Makes a map of one element.
fn bpf(_: &str) -> Attempt {
    let map = [2u32, 4, 4, 1, 0, 0, 0, 0]; // an array
    // SAFETY: the attributes are as long as is said.
    done(unsafe { sys::syscall(sys::nr::BPF, 0, map.as_ptr(), size_of_val(&map)) })
}

/// Counts the machine's, not this process's, context switches.
fn perf(_: &str) -> Attempt {
    let mut event = [0u32; 28];
    (event[0], event[1], event[2]) = (1, 112, 3);
    // SAFETY: the attributes are as long as they say.
    done(unsafe { sys::syscall(sys::nr::PERF_EVENT_OPEN, event.as_ptr(), -1, 0, -1, 0) })
}

fn userfaultfd(_: &str) -> Attempt {
    // SAFETY: it takes a number.
    done(unsafe { sys::syscall(sys::nr::USERFAULTFD, 0) })
}
