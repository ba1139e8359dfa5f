//! Hiding parts of `/proc` and `/sys`, and making others read-only.
//!
//! Both file systems show much that belongs to the whole machine and not to the container. A file
//! is hidden under `/dev/null`, a directory under an empty file system that cannot be written to.

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    sys::stat::{SFlag, fstat},
};
use step02::{Explain, lazy};

use crate::{
    dev::DEFAULT_DEVICES,
    mount_api::{self, Attributes},
    root::{Root, kind},
};

/// Hides each of `paths` that exists.
pub fn mask(root: &Root, paths: &[PathBuf], explain: &Explain) -> Result<()> {
    if paths.is_empty() {
        return Ok(());
    }
    let mut cover = Cover::new()?;
    // ANCHOR: exercise-3-8
    for path in paths {
        let Some(place) = find(root, path)? else { continue };
        let directory = kind(&fstat(&place)?) == SFlag::S_IFDIR;
        let shell = lazy(|| {
            let shown = root.shown(path);
            let command: &[&str] = if directory {
                &["-t", "tmpfs", "-o", "ro,nr_blocks=1,nr_inodes=1", "tmpfs", &shown]
            } else {
                &["--bind", "/dev/null", &shown]
            };
            root.shell_mount(command)
        });
        explain.act(shell, format_args!("hiding {}", path.display()), || {
            let cover = if directory { cover.directory()? } else { cover.file()? };
            mount_api::attach(cover, place).map_err(anyhow::Error::from)
        })?;
    }
    Ok(())
    // ANCHOR_END: exercise-3-8
}

/// What things are hidden under: the same two mounts over and over.
struct Cover {
    file: OwnedFd,
    /// There is none until there is a directory to hide.
    directory: Option<OwnedFd>,
}

impl Cover {
    fn new() -> Result<Self> {
        let [null, ..] = DEFAULT_DEVICES;
        let file = null.open_on_host().context("opening /dev/null")?;
        Ok(Self { file, directory: None })
    }

    fn file(&self) -> Result<OwnedFd> {
        Ok(mount_api::copy(&self.file, false)?)
    }

    /// The first is to be attached as it is: a mount that is attached nowhere can be copied only
    /// since Linux 6.15.
    fn directory(&mut self) -> Result<OwnedFd> {
        if let Some(first) = &self.directory {
            return Ok(mount_api::copy(first, false)?);
        }
        let tiny = ["nr_blocks=1", "nr_inodes=1"].map(String::from);
        let first = mount_api::new_filesystem("tmpfs", "tmpfs", &tiny, Attributes::READ_ONLY)?;
        self.directory = Some(first.try_clone()?);
        Ok(first)
    }
}

/// Makes each of `paths` that exists read-only, with all that is mounted below. What is not a mount
/// is made one: only a mount can be read-only.
pub fn make_read_only(root: &Root, paths: &[PathBuf], explain: &Explain) -> Result<()> {
    for path in paths {
        let Some(place) = find(root, path)? else { continue };
        let shown = || root.shown(path);
        let remount = || root.shell_mount(&["-o", "remount,bind,ro", &shown()]);
        if mount_api::change(&place, Attributes::READ_ONLY).is_ok() {
            explain.say(lazy(|| format!("{}  # and all below", remount())));
            continue;
        }
        let bind = || root.shell_mount(&["--rbind", &shown(), &shown()]);
        explain.act(
            lazy(|| format!("{} && {}", bind(), remount())),
            format_args!("making {} read-only", path.display()),
            || {
                let mount = mount_api::copy(&place, true)?;
                mount_api::change(&mount, Attributes::READ_ONLY)?;
                mount_api::attach(mount, &place)
            },
        )?;
    }
    Ok(())
}

/// What a kernel does not have needs no hiding.
fn find(root: &Root, path: &Path) -> Result<Option<OwnedFd>> {
    match root.open(path) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        found => found.map(Some).with_context(|| format!("opening {}", path.display())),
    }
}
