//! Id-mapped mounts: a directory whose owners are shifted on the way into a container.
//!
//! See mount_setattr(2), "ID-mapped mounts". To a container whose root is 100000 outside, files of
//! user 0 are nobody's. In a mount that is id-mapped by the container's own user namespace they
//! are 100000's, which is to say root's; and what root makes there is user 0's on disk.

use std::{
    ffi::{CString, OsStr},
    fs::{self, File},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    path::Path,
};

use anyhow::{Context, Result, anyhow};
use nix::{
    errno::Errno,
    sched::{CloneFlags, setns},
    sys::wait::{WaitStatus, waitpid},
    unistd::{ForkResult, Pid, fork},
};

use crate::{Explain, IdMaps, sh};

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
    explain.act(sh(words.chain([dir.as_os_str(), dir.as_os_str()])), doing, || {
        let path = CString::new(dir.as_os_str().as_bytes())?;
        let tree = open_tree(&path)?;
        map_ids(&tree, &File::open(format!("/proc/{child}/ns/user"))?)?;
        put(&tree, &path, &File::open(format!("/proc/{child}/ns/mnt"))?)
    })
}

/// A copy of the mounts at `path`, not yet mounted anywhere. See open_tree(2).
fn open_tree(path: &CString) -> Result<OwnedFd> {
    let recursive = libc::AT_RECURSIVE.cast_unsigned();
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | recursive;
    // SAFETY: the kernel reads `path`; the descriptor that comes out is ours.
    let fd = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    let fd = Errno::result(fd).context("copying the mount")?;
    let fd = RawFd::try_from(fd).expect("descriptors fit c_int");
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Has the whole of `tree` shifted by the maps of a user namespace.
fn map_ids(tree: &OwnedFd, user_namespace: &File) -> Result<()> {
    // SAFETY: `mount_attr` is a plain structure of integers, for which zero means "no change".
    let mut attr: libc::mount_attr = unsafe { std::mem::zeroed() };
    attr.attr_set = libc::MOUNT_ATTR_IDMAP;
    attr.userns_fd = u64::from(user_namespace.as_raw_fd().cast_unsigned());
    let (fd, flags) = (tree.as_raw_fd(), libc::AT_EMPTY_PATH | libc::AT_RECURSIVE);
    let (attr, size) = (&raw const attr, size_of_val(&attr));
    // SAFETY: the kernel reads an empty path and `size` bytes of `attr`.
    let set =
        unsafe { libc::syscall(libc::SYS_mount_setattr, fd, c"".as_ptr(), flags, attr, size) };
    Errno::result(set).map(drop).map_err(|errno| match errno {
        Errno::EINVAL => anyhow!(
            "{errno} (a file system here has no id-mapped mounts: give its files owners that the container has, by chown)"
        ),
        errno => errno.into(),
    })
}

/// Mounts `tree` on `path` in another mount namespace. A process of its own goes there, since a
/// runtime that had gone could not come back to its own root and working directory.
fn put(tree: &OwnedFd, path: &CString, mount_namespace: &File) -> Result<()> {
    // SAFETY: this process has one thread, and the child only makes system calls.
    match unsafe { fork() }.context("forking")? {
        ForkResult::Child => {
            let moved = setns(mount_namespace, CloneFlags::CLONE_NEWNS)
                .and_then(|()| move_mount(tree, path));
            let code = moved.err().map_or(0, |errno| errno as i32);
            // SAFETY: ends the process, whose memory is a copy.
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

/// See move_mount(2).
fn move_mount(tree: &OwnedFd, path: &CString) -> nix::Result<()> {
    let (fd, flags) = (tree.as_raw_fd(), libc::MOVE_MOUNT_F_EMPTY_PATH);
    let (here, to) = (c"".as_ptr(), path.as_ptr());
    // SAFETY: the kernel reads two paths.
    let moved = unsafe { libc::syscall(libc::SYS_move_mount, fd, here, libc::AT_FDCWD, to, flags) };
    Errno::result(moved).map(drop)
}
