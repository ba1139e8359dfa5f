//! Who the process is, and what it may do. See credentials(7), capabilities(7).

use std::fs;

use super::{
    Part,
    proc::{line, status_number},
};
use crate::{json::Json, sys};

pub const PARTS: &[Part] = &[
    ("uid", || ids(sys::getresuid)),
    ("gid", || ids(sys::getresgid)),
    ("groups", groups),
    ("uid_map", || id_map("/proc/self/uid_map")),
    ("gid_map", || id_map("/proc/self/gid_map")),
    ("setgroups", || line("/proc/self/setgroups")),
    ("capabilities", capabilities),
    ("no_new_privs", || status_number("NoNewPrivs", 10)),
    ("seccomp", || status_number("Seccomp", 10)),
    ("apparmor", || line("/proc/self/attr/current")),
];

fn ids(get: unsafe extern "C" fn(*mut u32, *mut u32, *mut u32) -> i32) -> Json {
    let (mut real, mut effective, mut saved) = (0, 0, 0);
    // SAFETY: the call writes the three numbers.
    unsafe { get(&raw mut real, &raw mut effective, &raw mut saved) };
    Json::map(
        [("real", real), ("effective", effective), ("saved", saved)].map(|(n, id)| (n, id.into())),
    )
}

fn groups() -> Json {
    let mut list = vec![0; 65536];
    // SAFETY: the list is as long as is said.
    match sys::check(unsafe { sys::getgroups(65536, list.as_mut_ptr()) }) {
        Ok(count) => Json::list(list.into_iter().take(count as usize)),
        Err(_) => Json::Null,
    }
}

/// Lines of three numbers: first id inside, first id outside, how many.
fn id_map(path: &str) -> Json {
    let Ok(text) = fs::read_to_string(path) else { return Json::Null };
    let numbers = |line: &str| {
        Json::list(line.split_whitespace().filter_map(|word| word.parse::<u64>().ok()))
    };
    Json::list(text.lines().map(numbers))
}

/// The five sets, each a number in which bit N stands for capability N. See capabilities(7).
fn capabilities() -> Json {
    Json::map(
        [
            ("inheritable", "CapInh"),
            ("permitted", "CapPrm"),
            ("effective", "CapEff"),
            ("bounding", "CapBnd"),
            ("ambient", "CapAmb"),
        ]
        .map(|(name, field)| (name, status_number(field, 16))),
    )
}
