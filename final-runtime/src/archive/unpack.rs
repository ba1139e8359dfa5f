//! An archive as files.

use std::{io::BufRead, os::fd::AsFd};

use anyhow::{Result, bail};
use step07::{Marks, Tree};

use super::Limits;

/// How an archive is to become files.
#[derive(Debug)]
pub struct Options<'a> {
    /// What is done about what the layer says is gone.
    pub whiteouts: Whiteouts<'a>,
    /// Whose the files are.
    pub owners: Owners,
    /// What is done about devices.
    pub devices: Devices,
    /// Which extended attributes are a must.
    pub attributes: Attributes,
    /// How much the layer may take.
    pub limits: Limits,
}

/// What is done about what a layer says is gone.
#[derive(Clone, Copy, Debug)]
pub enum Whiteouts<'a> {
    /// It is marked so for an overlay. The directory is for this layer alone.
    Overlay {
        /// In which dialect.
        marks: Marks,
        /// The layers below, the topmost first, marked in the same dialect. From them comes what a
        /// layer does not say: how a directory is that has no entry, what an opaque root hides.
        below: &'a [Tree],
    },
    /// It is removed. The directory has the files of the layers below.
    Apply,
}

/// Whose the files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// Those whom the archive names, by number. In a user namespace they must be mapped.
    Archived,
    /// Whoever unpacks.
    Ours,
}

/// What is done about devices. In a user namespace there is no choice: mknod(2) fails with EPERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// They are made.
    Make,
    /// They are not, nor is anything else in their places, where nothing of the layers below is
    /// left either.
    Skip,
}

/// Which extended attributes are a must. Never set are overlay's own and the labels of a security
/// module, which are the host's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attributes {
    /// All.
    All,
    /// Those that this user may set on this file system; the others are left out.
    Permitted,
}

/// What has been unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Bytes in files, without holes.
    pub bytes: u64,
    /// Entries of the archive.
    pub entries: u64,
}

/// Unpacks an archive into the directory `root`, to its end.
///
/// An entry goes where its path leads beneath `root`, and no symbolic link is followed on the way:
/// - One that this layer has made is an error. So is any other file there that is no directory.
/// - One that a layer below has left is replaced by a directory. Overlay does the same, so every
///   driver shows the same files.
///
/// After an error the directory is to be removed: there is a part of the layer in it.
pub fn unpack(_archive: impl BufRead, _root: impl AsFd, _options: &Options) -> Result<Unpacked> {
    bail!("archive: unpacking: not written yet")
}
