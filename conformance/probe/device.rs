//! Verbs about devices and terminals. See pts(4), full(4).

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::Read,
    os::fd::AsRawFd,
    process::ExitCode,
};

use crate::{Result, arg, failed, files, json::Json, number, sys};

const TIOCGPTN: u64 = 0x8004_5430; // the number of the other end
const TIOCSPTLCK: u64 = 0x4004_5431; // whether it is locked

pub fn run(verb: &str, args: &[OsString]) -> Option<Result<ExitCode>> {
    Some(match verb {
        "head" => head(args),
        "pty" => pty(),
        _ => return None,
    })
}

/// `head PATH N`: prints the first N bytes, or as many as there are, as a list of numbers.
fn head(args: &[OsString]) -> Result<ExitCode> {
    let path = arg(args, 0, "the path")?;
    let count = number(args, 1, "the number of bytes")? as u64;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(count).read_to_end(&mut bytes))
        .map_err(|error| failed(path.display(), &error))?;
    println!("{}", Json::list(bytes.into_iter().map(u32::from)));
    Ok(ExitCode::SUCCESS)
}

/// `pty`: makes a pair of terminals, and prints the number of the slave and what stat(2) says of
/// it under `/dev/pts`.
fn pty() -> Result<ExitCode> {
    let (mut slave, unlocked) = (0u32, 0u32);
    let master = OpenOptions::new().read(true).write(true).open("/dev/ptmx");
    let master = master.map_err(|error| failed("/dev/ptmx", &error))?;
    // SAFETY: each request reads or writes the number that it is given.
    unsafe {
        sys::check(sys::ioctl(master.as_raw_fd(), TIOCSPTLCK, &raw const unlocked))
            .and_then(|_| sys::check(sys::ioctl(master.as_raw_fd(), TIOCGPTN, &raw mut slave)))
            .map_err(|error| failed("ioctl", &error))?;
    }
    let path = OsString::from(format!("/dev/pts/{slave}"));
    let stat = files::stat(&path).map_err(|error| failed(path.display(), &error))?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .map_err(|error| failed(path.display(), &error))?;
    println!("{}", Json::map([("number", slave.into()), ("stat", stat)]));
    Ok(ExitCode::SUCCESS)
}
