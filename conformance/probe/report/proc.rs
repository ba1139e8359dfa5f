//! Reading what `/proc` says of the process that reads. See proc(5).

use std::fs;

use crate::json::Json;

/// A file of one line.
pub fn line(path: &str) -> Json {
    fs::read_to_string(path).ok().map(|text| text.trim().to_string()).into()
}

pub fn lines(path: &str) -> Json {
    match fs::read_to_string(path) {
        Ok(text) => Json::list(text.lines()),
        Err(_) => Json::Null,
    }
}

pub fn link(path: &str) -> Json {
    fs::read_link(path).ok().map(|target| Json::from(target.as_os_str())).into()
}

/// A line of `/proc/self/status`, see proc_pid_status(5).
pub fn status(name: &str) -> Option<String> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(value.trim().to_string())
}

pub fn status_number(name: &str, radix: u32) -> Json {
    status(name).and_then(|text| u64::from_str_radix(&text, radix).ok()).into()
}
