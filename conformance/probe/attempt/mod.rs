//! `try WHAT[=ARG]…`: does what ought to be impossible, and tells how it was refused.
//!
//! Prints a map: each WHAT as it was given → `ok`, or the name of the error. Each is tried in a
//! child of its own, so that one that succeeds does not help the next; a child that was killed
//! (by a seccomp filter, say) gives `signal N`. Where success would harm the machine the call is
//! made with a second fault, so that a refusal (EPERM) can be told from the right to do it (the
//! error that stands in brackets beside it).
//!
//! Each file has a subject, and the names of what it can try.

mod escape;
mod files;
mod identity;
mod interface;
mod machine;
mod mount;
mod process;

use std::{
    ffi::{CString, OsString},
    io::Error,
    process::ExitCode,
};

use crate::{Result, json::Json, sys};

/// `Ok` if it could be done.
type Attempt = std::result::Result<(), Error>;

/// Tries something; takes ARG, empty if there is none.
type Try = fn(&str) -> Attempt;

pub fn run(args: &[OsString]) -> Result<ExitCode> {
    let mut entries = Vec::new();
    for arg in args {
        let what = arg.to_str().ok_or("what to try is not UTF-8")?;
        entries.push((what.to_string(), Json::from(in_a_child(what)?)));
    }
    println!("{}", Json::Map(entries));
    Ok(ExitCode::SUCCESS)
}

/// Tries it in a child. The errno comes back as the child's exit code.
fn in_a_child(what: &str) -> Result<String> {
    let (name, argument) = what.split_once('=').unwrap_or((what, ""));
    let attempt = find(name).ok_or_else(|| format!("nobody knows how to try {name}"))?;
    // SAFETY: this process has one thread; the status outlives the call that writes it.
    let status = unsafe {
        let mut status = 0;
        match sys::fork() {
            0 => sys::_exit(match attempt(argument) {
                Ok(()) => 0,
                Err(error) => error.raw_os_error().unwrap_or(255),
            }),
            child => sys::waitpid(child, &raw mut status, 0),
        };
        status
    };
    Ok(match (status & 0x7f, status >> 8 & 0xff) {
        (0, 0) => "ok".into(),
        (0, errno) => sys::error_name(&Error::from_raw_os_error(errno)),
        (signal, _) => format!("signal {signal}"),
    })
}

fn find(name: &str) -> Option<Try> {
    escape::find(name)
        .or_else(|| files::find(name))
        .or_else(|| identity::find(name))
        .or_else(|| interface::find(name))
        .or_else(|| machine::find(name))
        .or_else(|| mount::find(name))
        .or_else(|| process::find(name))
}

fn done(result: impl Into<i64>) -> Attempt {
    sys::check(result).map(drop)
}

fn or<'a>(argument: &'a str, default: &'a str) -> &'a str {
    if argument.is_empty() { default } else { argument }
}

fn path(argument: &str) -> CString {
    sys::c_string(argument)
}
