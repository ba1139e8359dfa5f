//! What is mounted, and what is in `/dev`.

use std::{collections::BTreeMap, fs};

use super::Part;
use crate::{files, json::Json};

pub const PARTS: &[Part] = &[("mounts", mounts), ("dev", dev)];

/// See proc_pid_mountinfo(5).
fn mounts() -> Json {
    let Ok(text) = fs::read_to_string("/proc/self/mountinfo") else { return Json::Null };
    Json::list(text.lines().filter_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mount: Vec<_> = mount.split(' ').collect();
        let filesystem: Vec<_> = filesystem.split(' ').collect();
        let word = |words: &[&str], index: usize| Json::from(words.get(index).copied());
        let options = |words: &[&str], index: usize| {
            Json::list(words.get(index).copied().unwrap_or_default().split(','))
        };
        Some(Json::map([
            ("id", word(&mount, 0)),
            ("parent", word(&mount, 1)),
            ("device", word(&mount, 2)),
            ("root", word(&mount, 3)),
            ("target", word(&mount, 4)),
            ("options", options(&mount, 5)),
            ("propagation", Json::list(mount.get(6..).unwrap_or_default().iter().copied())),
            ("type", word(&filesystem, 0)),
            ("source", word(&filesystem, 1)),
            ("super_options", options(&filesystem, 2)),
        ]))
    }))
}

/// Everything directly in `/dev`.
fn dev() -> Json {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/dev").into_iter().flatten().flatten() {
        if let Ok(stat) = files::stat(entry.path().as_os_str()) {
            found.insert(entry.file_name().to_string_lossy().into_owned(), stat);
        }
    }
    Json::map(found)
}
