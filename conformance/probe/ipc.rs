//! Verbs about System V IPC and POSIX message queues. See sysvipc(7), mq_overview(7).
//!
//! `-make` creates an object that outlives the probe, `-look` prints whether there is one, `-drop`
//! removes it.

use std::{ffi::OsString, io::Error, process::ExitCode};

use crate::{Result, arg, failed, number, sys};

const CREATE: i32 = 0o1000 | 0o600; // IPC_CREAT, for this user
const REMOVE: i32 = 0; // IPC_RMID

pub fn run(verb: &str, args: &[OsString]) -> Option<Result<ExitCode>> {
    let (kind, act) = verb.split_once('-')?;
    if !matches!(act, "make" | "look" | "drop") {
        return None;
    }
    Some(match kind {
        "mq" => queue(act, args),
        "msg" | "sem" | "shm" => system_v(kind, act, args),
        _ => return None,
    })
}

/// `mq-… /NAME`
fn queue(act: &str, args: &[OsString]) -> Result<ExitCode> {
    let name = sys::c_string(arg(args, 0, "the name")?);
    // SAFETY: the name lives through the calls; a null structure asks for the default.
    let result = unsafe {
        match act {
            "make" => sys::mq_open(name.as_ptr(), 0o100 | 2, 0o600, std::ptr::null::<u8>()),
            "look" => sys::mq_open(name.as_ptr(), 0),
            _ => sys::mq_unlink(name.as_ptr()),
        }
    };
    told(act, sys::check(result))
}

/// `msg-… KEY`, `sem-… KEY`, `shm-… KEY`
fn system_v(kind: &str, act: &str, args: &[OsString]) -> Result<ExitCode> {
    let key = number(args, 0, "the key")? as i32;
    let flags = if act == "make" { CREATE } else { 0 };
    // SAFETY: the calls take numbers, and IPC_RMID reads no fourth argument.
    let result = unsafe {
        let id = match kind {
            "msg" => sys::msgget(key, flags),
            "sem" => sys::semget(key, if act == "make" { 1 } else { 0 }, flags),
            _ => sys::shmget(key, if act == "make" { 4096 } else { 0 }, flags),
        };
        match (act, kind) {
            ("drop", "msg") if id >= 0 => sys::msgctl(id, REMOVE, 0usize),
            ("drop", "sem") if id >= 0 => sys::semctl(id, 0, REMOVE),
            ("drop", "shm") if id >= 0 => sys::shmctl(id, REMOVE, 0usize),
            _ => id,
        }
    };
    told(act, sys::check(result))
}

fn told(act: &str, result: std::result::Result<i64, Error>) -> Result<ExitCode> {
    match (act, result) {
        ("look", Ok(_)) => println!("there"),
        ("look", Err(error)) if error.raw_os_error() == Some(2) => println!("not there"),
        (_, Ok(_)) => {}
        (_, Err(error)) => return Err(failed(act, &error)),
    }
    Ok(ExitCode::SUCCESS)
}
