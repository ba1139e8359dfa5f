//! The process itself: its numbers, signals, descriptors, limits, terminal. See proc_pid(5).

use std::{collections::BTreeMap, fs};

use super::{
    Part,
    proc::{line, link, status},
};
use crate::{json::Json, sys};

pub const PARTS: &[Part] = &[
    ("pid", || std::process::id().into()),
    ("ppid", || std::os::unix::process::parent_id().into()),
    ("session", || i64_of(unsafe { sys::getsid(0) })),
    ("process_group", || i64_of(unsafe { sys::getpgid(0) })),
    ("cwd", || std::env::current_dir().ok().map(|dir| Json::from(dir.as_os_str())).into()),
    ("args", || Json::list(std::env::args_os().map(|arg| Json::from(arg.as_os_str())))),
    ("env", env),
    ("signals_blocked", || signals("SigBlk")),
    ("signals_ignored", || signals("SigIgn")),
    ("rlimits", rlimits),
    ("fds", fds),
    ("stdio", || Json::list((0..3).map(|fd| link(&format!("/proc/self/fd/{fd}"))))),
    ("umask", umask),
    ("tty", tty),
    ("affinity", affinity),
    ("oom_score_adj", || line("/proc/self/oom_score_adj")),
];

fn i64_of(number: i32) -> Json {
    number.into()
}

fn env() -> Json {
    let mut all: Vec<_> = std::env::vars_os().collect();
    all.sort();
    Json::map(
        all.into_iter().map(|(name, value)| {
            (name.to_string_lossy().into_owned(), Json::from(value.as_os_str()))
        }),
    )
}

/// The numbers of the signals in a mask.
fn signals(field: &str) -> Json {
    match status(field).and_then(|text| u64::from_str_radix(&text, 16).ok()) {
        Some(mask) => Json::list((1..=64u32).filter(|number| mask & 1 << (number - 1) != 0)),
        None => Json::Null,
    }
}

/// Soft and hard limits by name; null is no limit. See getrlimit(2).
fn rlimits() -> Json {
    const LIMITS: [&str; 16] = [
        "cpu",
        "fsize",
        "data",
        "stack",
        "core",
        "rss",
        "nproc",
        "nofile",
        "memlock",
        "as",
        "locks",
        "sigpending",
        "msgqueue",
        "nice",
        "rtprio",
        "rttime",
    ];
    Json::map((0i32..).zip(LIMITS).map(|(which, name)| {
        let mut limit = [0; 2];
        // SAFETY: the call writes the two numbers.
        unsafe { sys::getrlimit(which, &raw mut limit) };
        let finite = |number: u64| (number != u64::MAX).then_some(number);
        (name, Json::list(limit.map(|number| Json::from(finite(number)))))
    }))
}

/// Open descriptors, without the one by which they are read.
fn fds() -> Json {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd").into_iter().flatten().flatten() {
        if let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            if !target.starts_with("/proc") || !target.ends_with("fd") {
                found.insert(number, Json::from(target.as_os_str()));
            }
        }
    }
    Json::map(found.into_iter().map(|(number, target)| (number.to_string(), target)))
}

fn umask() -> Json {
    // SAFETY: it takes a number and returns the one before.
    let mask = unsafe { sys::umask(0o22) };
    // SAFETY: as above.
    unsafe { sys::umask(mask) };
    format!("{mask:04o}").into()
}

/// The controlling terminal's device number, 0 if there is none. See proc_pid_stat(5).
fn tty() -> Json {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let words = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace());
    words.and_then(|mut words| words.nth(4)?.parse::<i32>().ok()).into()
}

/// The processors that this process may run on.
fn affinity() -> Json {
    let mut mask = [0u64; 16];
    // SAFETY: the mask is as long as is said.
    match sys::check(unsafe { sys::sched_getaffinity(0, size_of_val(&mask), mask.as_mut_ptr()) }) {
        Ok(_) => {
            Json::list((0..1024u32).filter(|cpu| mask[*cpu as usize / 64] >> (cpu % 64) & 1 == 1))
        }
        Err(_) => Json::Null,
    }
}
