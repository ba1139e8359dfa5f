//! How much a layer may take, so that a small blob cannot fill the disk, the memory or the table of
//! inodes.

use anyhow::{Result, ensure};

/// The most that is taken of each. More is an error.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Files, directories that no entry asked for included.
    pub entries: u64,
    /// Bytes of the archive, decompressed.
    pub bytes: u64,
    /// Bytes that one byte of the blob becomes, on the whole. It counts from the first GiB on:
    /// much of little.
    pub ratio: u64,
    /// Bytes of one file, holes included.
    pub file: u64,
    /// Bytes in a path, and in the target of a link.
    pub path: usize,
    /// Directories above a file.
    pub depth: usize,
    /// Bytes of one extended header, or map of a sparse file.
    pub header: u64,
}

/// Bytes up to which it does not matter how small the blob is.
const MUCH: u64 = 1 << 30;

impl Limits {
    /// Checks what so many bytes of a blob have become.
    pub(super) fn check(&self, bytes: u64, blob: u64) -> Result<()> {
        ensure!(bytes <= self.bytes, "the layer has more than {} bytes", self.bytes);
        let bomb = bytes > MUCH && bytes > blob.saturating_mul(self.ratio);
        ensure!(!bomb, "the layer is more than {} times as large as its blob", self.ratio);
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 4_000_000,
            bytes: 256 << 30,
            ratio: 250,
            file: 16 << 40,
            path: 4095,
            depth: 256,
            header: 1 << 20,
        }
    }
}
