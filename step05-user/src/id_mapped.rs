//! Id-mapped mounts: a directory whose owners are shifted on the way into a container.
//!
//! See mount_setattr(2), "ID-mapped mounts". To a container whose root is 100000 outside, files of
//! user 0 are nobody's. In a mount that is id-mapped by the container's own user namespace they
//! are 100000's, which is to say root's; and what root makes there is user 0's on disk.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::Path,
};

use anyhow::{Context, Result, anyhow};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sched::{CloneFlags, setns},
    sys::{
        stat::Mode,
        wait::{WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, fork},
};

use crate::{Explain, IdMaps, mount_api, sh};

/// Covers `dir`, in the mount namespace of `child`, by an id-mapped mount of itself.
///
/// Not if its owner has a number in the container already: then it is the caller's own, or
/// somebody has shifted the owners on disk.
pub(crate) fn shift(explain: &Explain, child: Pid, dir: &Path, maps: &IdMaps) -> Result<()> {
    let doing = format!("mapping the ids of {}", dir.display());
    let dir = fs::canonicalize(dir).with_context(|| doing.clone())?;
    let owner = fs::metadata(&dir).with_context(|| doing.clone())?.uid();
    if maps.uid.iter().any(|range| range.has_host(owner)) {
        return Ok(());
    }
    let nsenter = ["nsenter".to_string(), "--mount".into(), format!("--target={child}")];
    let option = format!("--options=X-mount.idmap=/proc/{child}/ns/user");
    let mount = ["mount".to_string(), "--rbind".into(), option];
    let words = nsenter.iter().chain(&mount).map(OsStr::new);
    explain.act(sh(words.chain([dir.as_os_str(), dir.as_os_str()])), doing, || cover(child, &dir))
}

/// Three descriptors are all that it takes: the tree, the user namespace whose map is meant, and the
/// mount namespace in which the tree is to be seen.
fn cover(child: Pid, dir: &Path) -> Result<()> {
    // ANCHOR: exercise-5-12
    let user_namespace = File::open(format!("/proc/{child}/ns/user"))?;
    let mount_namespace = File::open(format!("/proc/{child}/ns/mnt"))?;
    let tree = mount_api::copy(open_place(dir)?, true).context("copying the mount")?;
    mount_api::map_ids(&tree, user_namespace, true).map_err(no_maps)?;
    put(&tree, dir, &mount_namespace)
    // ANCHOR_END: exercise-5-12
}

fn open_place(path: &Path) -> nix::Result<OwnedFd> {
    open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
}

fn no_maps(errno: Errno) -> anyhow::Error {
    let hint = match errno {
        Errno::EINVAL => {
            " (its file system cannot: give the files owners that the container has, by chown)"
        }
        _ => "",
    };
    anyhow!("{errno}{hint}")
}

/// Mounts `tree` on `path` in another mount namespace. A process of its own goes there, since a
/// runtime that had gone could not come back to its own root and working directory.
fn put(tree: &OwnedFd, path: &Path, mount_namespace: &File) -> Result<()> {
    // SAFETY: this process has one thread.
    match unsafe { fork() }.context("forking")? {
        ForkResult::Child => {
            let done = setns(mount_namespace, CloneFlags::CLONE_NEWNS)
                .and_then(|()| open_place(path))
                .and_then(|place| mount_api::attach(tree, place));
            let code = done.err().map_or(0, |errno| errno as i32);
            // SAFETY: ends the process; what is to be dropped is the parent's.
            unsafe { libc::_exit(code) }
        }
        ForkResult::Parent { child } => {
            match waitpid(child, None).context("waiting for the mount")? {
                WaitStatus::Exited(_, 0) => Ok(()),
                WaitStatus::Exited(_, code) => Err(Errno::from_raw(code)).context("mounting it"),
                other => Err(anyhow!("mounting it: {other:?}")),
            }
        }
    }
}
