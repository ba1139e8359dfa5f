//! The end of the old root: the root file system, which is the working directory by now, becomes `/`.
//!
//! See pivot_root(2), chroot(2). Hooks come before, and what is to be read-only only after them.

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use libc::{MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE};
use nix::{
    fcntl::{OFlag, open},
    mount::{MsFlags, mount},
    sys::stat::Mode,
    unistd::{chdir, chroot},
};
use step07::{
    Explain, Layer,
    mount_api::{self, Attributes},
    pivot,
    root::Root,
    sh,
};

use crate::spec::Propagation;

/// The layer that changes the root.
pub struct Pivot {
    /// How.
    pub way: Way,
    /// A directory to go to first, where no layer below has gone there.
    pub rootfs: Option<PathBuf>,
    /// Mounts that are made read-only now.
    pub read_only: Vec<PathBuf>,
    /// What passes between the new root and what is bound of it.
    pub propagation: Option<Propagation>,
}

/// How a root is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By pivot_root(2), after which nothing of the old one is left.
    Pivot,
    /// By moving the mount over `/`: where the root is an initramfs, from which nobody can pivot.
    Move,
    /// By chroot(2) alone: where the mounts are somebody else's too.
    Chroot,
}

impl Layer for Pivot {
    fn name(&self) -> &'static str {
        "root"
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        if let Some(dir) = &self.rootfs {
            let shell = sh(["cd".as_ref(), dir.as_os_str()]);
            explain.act(shell, format_args!("entering {}", dir.display()), || chdir(dir))?;
        }
        match self.way {
            Way::Pivot => {
                let root = Root::new(open_dir(".").context("opening the rootfs")?, Path::new("."));
                pivot(
                    &root,
                    self.propagation.is_none_or(|one| one != Propagation::Private),
                    explain,
                )?;
            }
            Way::Move => {
                explain.act("mount --move . /", "moving the rootfs over /", || {
                    mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>)
                })?;
                change_root(explain)?;
            }
            Way::Chroot => change_root(explain)?,
        }
        if let Some(propagation) = self.propagation {
            let (word, flag) = match propagation {
                Propagation::Shared => ("shared", MS_SHARED),
                Propagation::Slave => ("slave", MS_SLAVE),
                Propagation::Private => ("private", MS_PRIVATE),
                Propagation::Unbindable => ("unbindable", MS_UNBINDABLE),
            };
            let attributes = Attributes { propagation: flag, ..Attributes::default() };
            explain.act(
                format_args!("mount --make-{word} /"),
                "changing the propagation of the root",
                || mount_api::change(open_dir("/")?, attributes),
            )?;
        }
        self.read_only.iter().try_for_each(|path| seal(path, explain))
    }
}

fn change_root(explain: &Explain) -> Result<()> {
    explain.act("chroot .", "changing the root", || chroot("."))?;
    chdir("/").context("entering the new root")
}

fn seal(path: &Path, explain: &Explain) -> Result<()> {
    let this = Attributes { recursive: false, ..Attributes::READ_ONLY };
    explain.act(
        sh(["mount".as_ref(), "-o".as_ref(), "remount,bind,ro".as_ref(), path.as_os_str()]),
        format_args!("making {} read-only", path.display()),
        || mount_api::change(open_place(path)?, this),
    )
}

fn open_dir(path: &str) -> nix::Result<OwnedFd> {
    open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
}

fn open_place(path: &Path) -> nix::Result<OwnedFd> {
    open(path, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())
}
