//! Joining a group.
//!
//! A process joins by writing `0` to a file of the group, or a pid to have another process join.
//! See cgroups(7), and for the way that needs no join CLONE_INTO_CGROUP in clone(2).

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::PathBuf,
};

use anyhow::{Context, Result};
use nix::unistd::{Pid, getpid};
use step05::Explain;

use crate::{Files, Version, files::echo};

/// A file through which a process joins a group.
pub struct Door {
    version: Version,
    path: PathBuf,
    file: File,
}

impl Door {
    /// In v1 the file that moves one thread, which the runtime's child is: the one that moves a
    /// whole process (`cgroup.procs`) makes the kernel wait for all CPUs, some milliseconds.
    pub fn open(files: &Files) -> Result<Self> {
        let path = files.path(match files.version {
            Version::V1 => "tasks",
            Version::V2 => "cgroup.procs",
        });
        let file = OpenOptions::new().write(true).open(&path);
        let file = file.with_context(|| format!("opening {}", path.display()))?;
        Ok(Self { version: files.version, path, file })
    }

    /// This process joins the group, if it was not born in it.
    pub fn enter(&mut self, explain: &Explain) -> Result<()> {
        let shell = echo("0", &self.path);
        if self.version == Version::V2 && self.is_inside() {
            explain.say(format_args!("{shell}  # clone3 has done it"));
            return Ok(());
        }
        let path = self.path.display();
        explain
            .act(shell, format_args!("joining the group of {path}"), || self.file.write_all(b"0"))
    }

    /// Another process joins the group: the container's, while it waits at the gate.
    pub fn pull(&mut self, explain: &Explain, process: Pid) -> Result<()> {
        let number = process.to_string();
        let path = self.path.display();
        explain.act(
            echo(&number, &self.path),
            format_args!("having process {number} join the group of {path}"),
            || self.file.write_all(number.as_bytes()),
        )
    }

    /// The numbers in the file are those that its reader has for the processes.
    fn is_inside(&self) -> bool {
        let inside = fs::read_to_string(&self.path).unwrap_or_default();
        let me = getpid().to_string();
        inside.lines().any(|line| line == me)
    }
}
