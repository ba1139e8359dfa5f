//! Where the results of a benchmark go, and on which machine they were made.

use std::{
    fs,
    path::{Path, PathBuf},
    thread::available_parallelism,
};

use anyhow::{Context, Result};
use nix::sys::utsname::uname;

/// `target/storage`, beside where cargo has put this program; with `--book` the book's folder.
pub fn directory(words: &[String]) -> Result<PathBuf> {
    let dir = match words.iter().any(|word| word == "--book") {
        true => Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/measured"),
        false => {
            let program = std::env::current_exe()?;
            let target = program.ancestors().nth(3);
            target.context("this program is not in a target directory")?.join("storage")
        }
    };
    fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    Ok(dir)
}

/// The kernel's release.
pub fn kernel() -> String {
    uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default()
}

/// The processors, and how busy they were. See proc_cpuinfo(5), proc_loadavg(5).
pub fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("processor", |(_, model)| model);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?").to_string();
    let count = available_parallelism().map_or(1, |count| count.get());
    format!("{count} × {model}, load {load}")
}
