//! The probe: a static program that tests run as a container's command, to look from inside.
//!
//! `probe VERB [ARGS]…`. It is linked with nothing but the standard library and the C library
//! under it, so that a root file system needs no other file. A verb that looks prints one line of
//! JSON; one that acts prints nothing unless it says so, and exits with 1 and `probe: …` on
//! standard error if it fails. Started by another name than `probe` (a link), it takes that name
//! as the verb.
//!
//! | file | verbs |
//! | --- | --- |
//! | `report/` | `report [PART]…`: all that can be seen from inside |
//! | `process.rs` | `exit N`, `signal N`, `sleep SECONDS`, `nap SECONDS`, `echo TEXT…`, `show-args ARGS…`, `trap`, `wait`, `count-signals SECONDS`, `orphans N`, `fork-bomb MAX`, `background VERB…`, `orphan VERB…`, `exec CMD…`, `in-user-namespace VERB…`, `seq A… -- B…` |
//! | `load.rs` | `eat-memory MIB [SECONDS]`, `burn SECONDS`, `burn-in-kernel SECONDS`, `on-cpu N VERB…`, `read-direct PATH N`, `write-direct PATH N`, `eat-huge MIB [FLAGS]` |
//! | `files.rs` | `cat`, `write PATH TEXT`, `append`, `ls`, `stat`, `mkdir`, `rm`, `mv`, `ln`, `chmod`, `chown` |
//! | `device.rs` | `head PATH N`, `pty` |
//! | `tree.rs` | `tree DIR [LEFT-OUT]…`, `fifo PATH`, `device PATH MAJOR MINOR`, `sparse PATH OFFSET TEXT`, `mtime PATH SECONDS`, `set-xattr PATH NAME VALUE`, `get-xattr PATH NAME` |
//! | `ipc.rs` | `mq-make NAME`, `mq-look NAME`, `msg-make KEY`, `msg-look KEY`, `shm-…`, `sem-…` |
//! | `net.rs` | `connect`, `listen`, `udp-send`, `udp-listen`, `abstract-connect`, `abstract-listen`, `resolve` |
//! | `attempt/` | `try WHAT[=ARG]…`: what ought to be impossible, and how it was refused |
//! | `json.rs`, `sys.rs` | JSON, and the C library |

mod attempt;
mod device;
mod files;
mod ipc;
mod json;
mod load;
mod net;
mod process;
mod report;
mod sys;
mod tree;

use std::{
    ffi::{OsStr, OsString},
    io::Error,
    path::Path,
    process::ExitCode,
};

/// Every verb fails with one line.
type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    sys::default_sigpipe();
    let mut args: Vec<OsString> = std::env::args_os().collect();
    let name = args.first().map(Path::new).and_then(Path::file_name).unwrap_or_default();
    if name == "probe" && !args.is_empty() {
        args.remove(0);
    } else if let Some(first) = args.first_mut() {
        *first = Path::new(first).file_name().unwrap_or_default().to_owned();
    }
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("probe: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One verb with its arguments.
fn run(words: &[OsString]) -> Result<ExitCode> {
    let (verb, args) = words.split_first().ok_or("no verb was given")?;
    let verb = verb.to_str().ok_or("the verb is not UTF-8")?;
    let found = process::run(verb, args)
        .or_else(|| load::run(verb, args))
        .or_else(|| files::run(verb, args))
        .or_else(|| tree::run(verb, args))
        .or_else(|| device::run(verb, args))
        .or_else(|| ipc::run(verb, args))
        .or_else(|| net::run(verb, args))
        .or_else(|| match verb {
            "report" => Some(report::run(args)),
            "try" => Some(attempt::run(args)),
            _ => None,
        });
    found.unwrap_or_else(|| Err(format!("no such verb: {verb}")))
}

/// The argument at `index`.
fn arg<'a>(args: &'a [OsString], index: usize, what: &str) -> Result<&'a OsStr> {
    args.get(index).map(OsString::as_os_str).ok_or_else(|| format!("{what} is missing"))
}

/// The argument at `index`, as text.
fn text<'a>(args: &'a [OsString], index: usize, what: &str) -> Result<&'a str> {
    arg(args, index, what)?.to_str().ok_or_else(|| format!("{what} is not UTF-8"))
}

/// The argument at `index`, as a number; `0x…` is hexadecimal.
fn number(args: &[OsString], index: usize, what: &str) -> Result<i64> {
    let word = text(args, index, what)?;
    let parsed = match word.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => word.parse(),
    };
    parsed.map_err(|_| format!("{what} is not a number: {word}"))
}

/// Names what failed.
fn failed(what: impl std::fmt::Display, error: &Error) -> String {
    format!("{what}: {}", sys::error_name(error))
}
