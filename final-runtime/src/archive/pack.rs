//! Changes, or a whole tree, as an archive.

use std::{io::Write, path::PathBuf};

use anyhow::{Result, bail};
use step07::{Tree, Union};

use super::Sha256;

/// What is to be packed.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// What a container has changed in an overlay.
    Upper(&'a Union),
    /// How one tree differs from another.
    Trees {
        /// The layers below.
        before: &'a Tree,
        /// The same with a container's changes.
        after: &'a Tree,
    },
    /// All that is in a tree.
    Whole(&'a Tree),
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compress {
    /// As a plain archive.
    No,
    /// By gzip.
    Gzip,
}

/// What has been packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The digest of what was written.
    pub digest: Sha256,
    /// Bytes that were written.
    pub size: u64,
    /// The digest of the archive before it was compressed.
    pub diff_id: Sha256,
    /// Bytes of the archive before it was compressed.
    pub bytes: u64,
    /// Entries of the archive.
    pub entries: u64,
    /// Paths that no layer can hold: sockets, names that begin with `.wh.`, devices 0:0.
    pub left_out: Vec<PathBuf>,
}

/// Writes an archive. The same files give the same archive.
pub fn pack(_source: Source, _output: impl Write, _compress: Compress) -> Result<Packed> {
    bail!("archive: packing: not written yet")
}
