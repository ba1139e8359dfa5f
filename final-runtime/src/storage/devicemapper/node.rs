//! Nodes of devices. Where `/dev` is a devtmpfs the kernel makes them itself; elsewhere nobody may
//! have made them, and where udev is to do it nobody knows when. See mknod(2), stat(2).

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use anyhow::{Context, Result, bail};
use nix::sys::stat::{Mode, SFlag, major, minor, mknod};

/// What a device is, beside its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As terminals are.
    Character,
    /// As disks are.
    Block,
}

impl Kind {
    fn flag(self) -> SFlag {
        match self {
            Self::Character => SFlag::S_IFCHR,
            Self::Block => SFlag::S_IFBLK,
        }
    }
}

/// Makes the node if it is not there. One of another device is not touched.
pub fn ensure(path: &Path, kind: Kind, number: u64) -> Result<()> {
    if is(path, kind, number) {
        return Ok(());
    }
    let make = || {
        if path.symlink_metadata().is_ok() {
            bail!("there is something else of that name");
        }
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        Ok(mknod(path, kind.flag(), Mode::S_IRUSR | Mode::S_IWUSR, number)?)
    };
    let (major, minor) = (major(number), minor(number));
    make().with_context(|| format!("making {} for device {major}:{minor}", path.display()))
}

/// Whether the path leads to this device.
pub fn is(path: &Path, kind: Kind, number: u64) -> bool {
    let found = fs::metadata(path);
    found
        .is_ok_and(|node| node.mode() & libc::S_IFMT == kind.flag().bits() && node.rdev() == number)
}
