//! Where the runtimes are compared: in a mount namespace of the benchmark's own, with either version of
//! cgroups alone. See mount_namespaces(7), cgroups(7), mount(2).

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
};
use step06::{Hierarchy, Version};

const CGROUPS: &str = "/sys/fs/cgroup";

/// The versions that this machine has.
pub fn versions() -> Result<Vec<Version>> {
    let all = Hierarchy::all()?;
    let has = |version: &Version| all.iter().any(|one| one.version == *version);
    Ok([Version::V1, Version::V2].into_iter().filter(has).collect())
}

/// Has the runtimes find that version alone. `dir` is for what that takes. Of version 2 there may be no
/// controllers, if they are all version 1's.
pub fn show(version: Version, dir: &Path) -> Result<()> {
    match version {
        Version::V1 => hide_second(dir),
        Version::V2 => {
            umount2(CGROUPS, MntFlags::MNT_DETACH).context("unmounting the other cgroups")?;
            mount_new("cgroup2", Path::new(CGROUPS))
        }
    }
}

/// crun refuses a machine that has controllers in both versions.
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
