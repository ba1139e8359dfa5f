//! Getting at the files of a snapshot from the host, without a container and without leaving a
//! mount anywhere.
//!
//! A new mount is a descriptor first, and files can be reached through that; it need not be attached
//! to any place (see fsmount(2)). An overlay's many layers take the old mount(2), which needs a
//! place: there a process with a mount namespace of its own does the work, as it does for an
//! ordinary user, who has power over their containers' files only as root of a user namespace.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::{
    fcntl::{OFlag, open},
    sys::stat::Mode,
};
use step07::{
    Cap, CapSets, Marks, Parts, Propagation, Stack, UserNamespace, Userns, errand,
    mount_api::{self, Attributes},
};

use super::{Access, Root};
use crate::store::make_dir;

/// Calls `act` with the root directory of what `root` says.
pub fn with(
    root: &Root,
    access: Access,
    act: impl FnOnce(BorrowedFd) -> Result<()> + 'static,
) -> Result<()> {
    match root {
        Root::Device { path, filesystem, options } => {
            act(mount_device(path, filesystem, options, access)?.as_fd())
        }
        Root::Directory(dir) if powerful()? => act(directory(dir, access)?.as_fd()),
        Root::Directory(dir) => {
            let dir = dir.clone();
            in_namespaces(move || act(directory(&dir, access)?.as_fd()))
        }
        Root::Overlay { lower, changes } => {
            let (lower, changes) = (lower.clone(), changes.clone());
            in_namespaces(move || {
                let dir = mount_overlay(&lower, changes.as_deref(), access)?;
                act(dir.as_fd())
            })
        }
    }
}

/// Does `act` in a process of its own: in a mount namespace of its own, and for an ordinary user as
/// root of a user namespace with the ids of their containers.
pub fn in_namespaces(act: impl FnOnce() -> Result<()> + 'static) -> Result<()> {
    let mut layers = Stack::default();
    if !powerful()? {
        layers.top(UserNamespace::new(Userns::Auto));
    }
    layers.top(Propagation);
    errand::run("storage", layers, act)
}

/// Whether this process may mount, and has all files to itself.
pub fn powerful() -> Result<bool> {
    Ok(CapSets::current()?.effective.has(Cap::SYS_ADMIN))
}

/// A mount of the file system on a device, attached nowhere.
pub fn mount_device(
    path: &Path,
    filesystem: &str,
    options: &str,
    access: Access,
) -> Result<OwnedFd> {
    let set = match access {
        Access::Read => libc::MOUNT_ATTR_RDONLY,
        Access::Write => 0,
    };
    let attributes = Attributes { set, ..Attributes::default() };
    let source = path.display().to_string();
    let data: Vec<_> = options.split(',').filter(|one| !one.is_empty()).map(String::from).collect();
    mount_api::new_filesystem(filesystem, &source, &data, attributes)
        .with_context(|| format!("mounting {source}"))
}

/// The root of an overlay, in a mount namespace of this process's own.
pub fn mount_overlay(lower: &[PathBuf], changes: Option<&Path>, access: Access) -> Result<OwnedFd> {
    let topmost_first: Vec<_> =
        lower.iter().rev().map(|dir| open_dir(dir)).collect::<Result<_>>()?;
    let upper = match (access, changes) {
        (Access::Write, Some(dir)) => {
            make_dir(&dir.join("work"))?;
            Some([open_dir(&dir.join("upper"))?, open_dir(&dir.join("work"))?])
        }
        _ => None,
    };
    let marks = if powerful_on_the_host()? { Marks::Trusted } else { Marks::User };
    let target = lower.last().context("an overlay without layers")?;
    Parts { lower: topmost_first, upper, marks }
        .mount(target)
        .with_context(|| format!("mounting an overlay on {}", target.display()))?;
    open_dir(target)
}

/// Whether overlay's marks are those of the first user namespace.
pub fn powerful_on_the_host() -> Result<bool> {
    let map = std::fs::read_to_string("/proc/self/uid_map").context("reading the uid map")?;
    let first = map.split_whitespace().collect::<Vec<_>>() == ["0", "0", "4294967295"];
    Ok(first && powerful()?)
}

/// A directory, or a mount of it in which nothing can be changed.
fn directory(dir: &Path, access: Access) -> Result<OwnedFd> {
    let fd = open_dir(dir)?;
    if access == Access::Write {
        return Ok(fd);
    }
    let view = mount_api::copy(fd, false)
        .and_then(|view| mount_api::change(&view, Attributes::READ_ONLY).map(|()| view));
    view.with_context(|| format!("making a view of {}", dir.display()))
}

fn open_dir(dir: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(dir, flags, Mode::empty()).with_context(|| format!("opening {}", dir.display()))
}
