//! `pivot_root`: the rootfs becomes the root of the mount namespace, and the old root goes.
//!
//! chroot(2) would only change where this process begins to look up paths, and a process with the
//! right to call it again can climb out. After pivot_root(2) and the detaching of the old root
//! there is nothing outside to climb to.

use std::os::fd::OwnedFd;

use anyhow::{Context, Result, bail};
use libc::MS_SLAVE;
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    mount::{MntFlags, umount2},
    sys::stat::Mode,
    unistd::{chdir, fchdir, pivot_root},
};
use step02::{Explain, sh};

use crate::{
    mount_api::{Attributes, change, mount_id},
    root::Root,
};

// ANCHOR: pivot
/// Makes `root`, which must be a mount, the root directory, and leaves nothing of the old one. If mounts
/// of the old one are `shared` with the host they are cut off first, or the host would lose them too.
pub fn pivot(root: &Root, shared: bool, explain: &Explain) -> Result<()> {
    // ANCHOR: exercise-3-9
    let old = open_dir("/").context("opening the old root")?;
    explain
        .act(sh(["cd", "-P", &root.shown("/".as_ref())]), "entering the rootfs", || fchdir(root))?;
    // With both arguments the same, the old root is mounted over the new one: no directory of the
    // rootfs is needed to put it in.
    explain.act("pivot_root . .", "pivot_root", || pivot_root(".", ".").map_err(with_hint))?;
    if shared {
        explain.act("mount --make-rslave .", "cutting the old root off", || {
            fchdir(&old)?;
            change(
                &old,
                Attributes { propagation: MS_SLAVE, recursive: true, ..Attributes::default() },
            )
        })?;
    }
    explain.act("umount -l .", "detaching the old root", || {
        fchdir(&old)?;
        umount2(".", MntFlags::MNT_DETACH)
    })?;
    chdir("/").context("entering the new root")?;
    verify(root)
    // ANCHOR_END: exercise-3-9
}
// ANCHOR_END: pivot

/// The root and the working directory are the rootfs, by the numbers of the mounts: had anything
/// above gone another way, the command would run in the host's files.
fn verify(root: &Root) -> Result<()> {
    let wanted = mount_id(root)?;
    for path in ["/", "."] {
        if mount_id(open_dir(path)?)? != wanted {
            bail!("{path:?} is outside of the rootfs after pivot_root");
        }
    }
    Ok(())
}

fn open_dir(path: &str) -> nix::Result<OwnedFd> {
    open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
}

fn with_hint(errno: Errno) -> anyhow::Error {
    let error = anyhow::Error::from(errno);
    match errno {
        Errno::EINVAL => error.context(
            "the host's own root is no mount that could be moved, as in an initramfs or a chroot",
        ),
        _ => error,
    }
}
