//! What the process shares with others: names, processes, groups. See namespaces(7), cgroups(7).

use std::{
    collections::BTreeMap,
    ffi::{CStr, c_char},
    fs,
};

use super::{
    Part,
    proc::{line, lines, link},
};
use crate::{files, json::Json, sys};

pub const PARTS: &[Part] = &[
    ("hostname", hostname),
    ("domainname", domainname),
    ("processes", processes),
    ("namespaces", namespaces),
    ("cgroup", || lines("/proc/self/cgroup")),
    ("cgroup_dir", || files::names("/sys/fs/cgroup")),
];

fn hostname() -> Json {
    c_name(sys::gethostname)
}

fn domainname() -> Json {
    c_name(sys::getdomainname)
}

fn c_name(get: unsafe extern "C" fn(*mut c_char, usize) -> i32) -> Json {
    let mut buffer = [0 as c_char; 256];
    // SAFETY: the call writes a string of at most that size, zero included.
    let text = unsafe {
        sys::check(get(buffer.as_mut_ptr(), buffer.len()))
            .ok()
            .map(|_| CStr::from_ptr(buffer.as_ptr()))
    };
    text.map(|text| Json::bytes(text.to_bytes())).into()
}

/// All processes that `/proc` shows: number, then name.
fn processes() -> Json {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        found.insert(pid, line(&format!("/proc/{pid}/comm")));
    }
    Json::map(found.into_iter().map(|(pid, name)| (pid.to_string(), name)))
}

/// See namespaces(7): the links name the inode, which tells two namespaces apart.
fn namespaces() -> Json {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/ns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        found.insert(name.clone(), link(&format!("/proc/self/ns/{name}")));
    }
    Json::map(found)
}
