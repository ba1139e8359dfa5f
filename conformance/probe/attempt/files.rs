//! Files and devices that are to be out of reach. See open(2), mknod(2).

use std::{
    fs::{self, File, OpenOptions},
    path::Path,
};

use super::{Attempt, Try, done, or, path};
use crate::sys;

pub fn find(name: &str) -> Option<Try> {
    Some(match name {
        "mknod" => mknod,
        "read" => read,
        "open-write" => open_write,
        "create" => create,
        "truncate" => truncate,
        _ => return None,
    })
}

/// Makes the device of the machine's memory and opens it. ARG: where; `/tmp/probe-node`.
fn mknod(argument: &str) -> Attempt {
    let place = or(argument, "/tmp/probe-node");
    // SAFETY: the path lives through the call.
    done(unsafe { sys::mknod(path(place).as_ptr(), 0o020_666, 1 << 8 | 1) })?;
    let opened = File::open(place).map(drop);
    fs::remove_file(place).and(opened)
}

/// ARG: the path.
pub fn read(argument: &str) -> Attempt {
    if Path::new(argument).is_dir() {
        fs::read_dir(argument).map(drop)
    } else {
        fs::read(argument).map(drop)
    }
}

/// Opens for writing, and writes nothing. ARG: the path.
fn open_write(argument: &str) -> Attempt {
    OpenOptions::new().write(true).open(argument).map(drop)
}

/// Opens for writing what is there, and leaves nothing in it. ARG: the path.
fn truncate(argument: &str) -> Attempt {
    OpenOptions::new().write(true).truncate(true).open(argument).map(drop)
}

/// Makes a file that was not there, and removes it. ARG: the path.
fn create(argument: &str) -> Attempt {
    OpenOptions::new().write(true).create_new(true).open(argument)?;
    fs::remove_file(argument)
}
