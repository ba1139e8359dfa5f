//! The files of a group in one hierarchy: how a limit is written and a number read.
//!
//! They are the whole interface: each write(2) is one setting, each file one value or one table.
//! See cgroups(7) and the kernel's admin-guide/cgroup-v2 ("Interface Files").

use std::{
    fmt::Display,
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use step05::{Explain, lazy, sh};

use crate::Version;

/// The directory of a group in one hierarchy.
#[derive(Clone, Debug)]
pub struct Files {
    /// The dialect that they speak.
    pub version: Version,
    /// The directory.
    pub dir: PathBuf,
}

impl Files {
    /// The path of one of them.
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    /// Whether this kernel has it.
    pub fn has(&self, file: &str) -> bool {
        self.path(file).exists()
    }

    /// Writes one setting.
    pub fn write(&self, explain: &Explain, file: &str, value: impl Display) -> Result<()> {
        let (path, value) = (self.path(file), value.to_string());
        explain.act(
            echo(&value, &path),
            format_args!("writing {value} to {}", path.display()),
            || write(&path, &value),
        )
    }

    /// Those of the group above.
    pub fn above(&self) -> Self {
        let dir = self.dir.parent().unwrap_or(&self.dir).to_owned();
        Self { version: self.version, dir }
    }

    /// The whole text; `None` where this kernel, or the root of a tree, has no such file.
    pub fn read(&self, file: &str) -> Result<Option<String>> {
        let path = self.path(file);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// The number in a file of one value; `None` also for `max`, `-1` and whatever else is none.
    pub fn number(&self, file: &str) -> Result<Option<u64>> {
        Ok(self.read(file)?.and_then(|text| text.trim().parse().ok()))
    }

    /// The number after `key` in a file of lines `KEY VALUE`.
    pub fn keyed(&self, file: &str, key: &str) -> Result<Option<u64>> {
        let text = self.read(file)?.unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        Ok(value.and_then(|value| value.trim().parse().ok()))
    }
}

/// The shell command that writes a setting.
pub(crate) fn echo<'a>(value: &'a str, path: &'a Path) -> impl Display + 'a {
    lazy(move || format!("{} > {}", sh(["echo", value]), sh([path])))
}

/// In one write(2), and without creating or truncating: these are not files that hold bytes. To
/// write none is to write nothing; what says nothing is a line.
pub(crate) fn write(path: &Path, value: &str) -> std::io::Result<()> {
    let value = if value.is_empty() { "\n" } else { value };
    OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

/// A directory with ordinary files in it, to see which of them is written, and what.
#[cfg(test)]
pub(crate) mod fake {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    pub struct Fake(pub Files);

    impl Fake {
        /// With files of these names and contents.
        pub fn new(version: Version, files: &[(&str, &str)]) -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("step06-fake-{}-{number}", std::process::id());
            let dir = std::env::temp_dir().join(name);
            fs::create_dir(&dir).expect("making a directory");
            for (name, text) in files {
                fs::write(dir.join(name), text).expect("making a file");
            }
            Self(Files { version, dir })
        }

        /// The names and contents of all files, sorted.
        pub fn contents(&self) -> Vec<(String, String)> {
            let entries = fs::read_dir(&self.0.dir).expect("reading the directory").flatten();
            let text = |path: PathBuf| fs::read_to_string(path).expect("reading a file");
            let pair = |entry: fs::DirEntry| {
                (entry.file_name().to_string_lossy().into_owned(), text(entry.path()))
            };
            let mut all: Vec<_> = entries.map(pair).collect();
            all.sort();
            all
        }
    }

    impl Drop for Fake {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0.dir);
        }
    }
}
