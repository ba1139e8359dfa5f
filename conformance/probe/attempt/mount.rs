//! Mounts: making them, changing them, taking them away. See mount(2), pivot_root(2).

use std::{io::Error, ptr::null};

use super::{Attempt, Try, done, or, path};
use crate::sys;

pub fn find(name: &str) -> Option<Try> {
    Some(match name {
        "mount-tmpfs" => mount_tmpfs,
        "mount" => mount,
        "remount-rw" => remount_rw,
        "umount" => umount,
        "pivot_root" => pivot_root,
        _ => return None,
    })
}

/// ARG: where; `/tmp`.
fn mount_tmpfs(argument: &str) -> Attempt {
    mount(&format!("tmpfs,{}", or(argument, "/tmp")))
}

/// ARG: `TYPE,DIRECTORY` or `TYPE,DIRECTORY,OPTIONS`. Taken away again.
fn mount(argument: &str) -> Attempt {
    let words: Vec<_> = argument.splitn(3, ',').map(path).collect();
    let [kind, target, options @ ..] = &words[..] else {
        return Err(Error::from_raw_os_error(22));
    };
    let data = options.first().map_or(null(), |options| options.as_ptr());
    // SAFETY: the strings live through the calls.
    unsafe {
        done(sys::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, data.cast()))?;
        done(sys::umount2(target.as_ptr(), 2))
    }
}

/// Makes a read-only mount writable. ARG: where.
fn remount_rw(argument: &str) -> Attempt {
    const BIND_REMOUNT: std::ffi::c_ulong = 4096 | 32;
    // SAFETY: the path lives through the call.
    done(unsafe { sys::mount(null(), path(argument).as_ptr(), null(), BIND_REMOUNT, null()) })
}

/// ARG: where.
fn umount(argument: &str) -> Attempt {
    // SAFETY: the path lives through the call.
    done(unsafe { sys::umount2(path(argument).as_ptr(), 2) })
}

/// ARG: the new root; the present one.
fn pivot_root(argument: &str) -> Attempt {
    let place = path(or(argument, "/"));
    // SAFETY: the path lives through the call.
    done(unsafe { sys::syscall(sys::nr::PIVOT_ROOT, place.as_ptr(), place.as_ptr()) })
}
