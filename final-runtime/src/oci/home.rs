//! HOME, for a command whose configuration does not say it: what the container's `/etc/passwd` knows
//! of its user, else the root directory. Programs rely on it, and other runtimes set it.

use std::{os::fd::OwnedFd, path::Path};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::stat::Mode,
};
use step07::{Process, root::Root};

use crate::account::Wanted;

/// Sets it, unless it is set.
pub fn set(command: &mut Process, uid: u32, files: impl Fn(&Path) -> Result<Option<OwnedFd>>) {
    if command.env.iter().any(|(name, value)| name == "HOME" && !value.is_empty()) {
        return;
    }
    let wanted = uid.to_string().parse::<Wanted>();
    // Whatever is wrong with the file is no reason not to run the command.
    let account = wanted.and_then(|wanted| wanted.find(&files)).ok();
    let home = account.and_then(|account| account.home).unwrap_or_else(|| "/".into());
    command.set_env("HOME", home);
}

/// The file at `path` of a root file system that is not mounted yet.
pub fn file(rootfs: Option<&Path>, path: &Path) -> Result<Option<OwnedFd>> {
    let rootfs = rootfs.context("there is no root")?;
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root = Root::new(open(rootfs, flags, Mode::empty())?, rootfs);
    match root.open(path) {
        Err(Errno::ENOENT) => Ok(None),
        found => Ok(found.map(Some)?),
    }
}
