//! Where the runtimes are compared: in a mount namespace of the benchmark's own, with either version of
//! cgroups alone.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
};
use step06::{Hierarchy, Version};

const CGROUPS: &str = "/sys/fs/cgroup";

/// Which cgroups there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Those of version 1. crun refuses a machine that has controllers in both versions, so that of
    /// version 2 is hidden.
    First,
    /// Version 2, which may have no controllers if they are all version 1's.
    Second,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::First => "control groups of version 1",
            Self::Second => "control groups of version 2",
        })
    }
}

impl Layout {
    /// What can be had on this machine.
    pub fn here() -> Result<Vec<Self>> {
        let all = Hierarchy::all()?;
        let has = |version| all.iter().any(|one| one.version == version);
        let first = has(Version::V1).then_some(Self::First);
        let second = has(Version::V2).then_some(Self::Second);
        Ok(first.into_iter().chain(second).collect())
    }

    /// Has the runtimes find it. `dir` is for what that takes.
    pub fn set_up(self, dir: &Path) -> Result<()> {
        match self {
            Self::First => hide_second(dir),
            Self::Second => {
                umount2(CGROUPS, MntFlags::MNT_DETACH).context("unmounting the other cgroups")?;
                mount_new("cgroup2", Path::new(CGROUPS))
            }
        }
    }
}

fn hide_second(dir: &Path) -> Result<()> {
    let file = Path::new(CGROUPS).join("unified/cgroup.controllers");
    if !file.exists() {
        return Ok(());
    }
    let empty = dir.join("empty");
    fs::write(&empty, "").context("making an empty file")?;
    mount(Some(&empty), &file, None::<&Path>, MsFlags::MS_BIND, None::<&Path>)
        .with_context(|| format!("covering {}", file.display()))
}

/// A place in memory for what runtimes write down, as `/run` is where systemd has made it. Goes when it
/// is dropped.
pub struct State(PathBuf);

impl State {
    /// Makes it, at `dir`/state, in a mount namespace that is this process's own from here on.
    pub fn new(dir: &Path) -> Result<Self> {
        unshare(CloneFlags::CLONE_NEWNS).context("making a mount namespace")?;
        let none = None::<&Path>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).context("mounting")?;
        let state = dir.join("state");
        fs::create_dir(&state).context("making a directory")?;
        mount_new("tmpfs", &state)?;
        Ok(Self(state))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH); // it ends with the namespace anyway
    }
}

fn mount_new(fstype: &str, target: &Path) -> Result<()> {
    mount(Some(fstype), target, Some(fstype), MsFlags::empty(), None::<&Path>)
        .with_context(|| format!("mounting {fstype} on {}", target.display()))
}
