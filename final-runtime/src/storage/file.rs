//! One file of a snapshot, found without mounting anything that can be done without.

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::stat::Mode,
};
use step07::root;

use super::{Access, Root, mount_device};
use crate::image::lookup;

/// The file at the absolute `path` in what `root` says, as a container would see it; only a place,
/// not open for reading (`O_PATH`).
pub fn find(root: &Root, path: &Path) -> Result<Option<OwnedFd>> {
    match root {
        Root::Overlay { lower, changes } => {
            let uppers = changes.iter().map(|dir| dir.join("upper"));
            let layers: Vec<PathBuf> = lower.iter().cloned().chain(uppers).collect();
            lookup::find(&layers, path)
        }
        Root::Directory(dir) => {
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            let fd = open(dir, flags, Mode::empty());
            within(fd.with_context(|| format!("opening {}", dir.display()))?, path)
        }
        Root::Device { path: device, filesystem, options } => {
            within(mount_device(device, filesystem, options, Access::Read)?, path)
        }
    }
}

fn within(dir: OwnedFd, path: &Path) -> Result<Option<OwnedFd>> {
    match root::Root::new(dir, Path::new("/")).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
        Err(errno) => Err(errno).with_context(|| format!("opening {}", path.display())),
    }
}
