//! Reading a blob: in one pass it is decompressed, checked against its digests, and handed on.

use std::io::{self, BufRead, Read};

use anyhow::{Result, bail};

use super::{Limits, Sha256};

/// What is known of a blob before it is read. What is not known is not checked.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The digest of the blob as it is.
    pub digest: Option<Sha256>,
    /// The blob's bytes.
    pub size: Option<u64>,
    /// The digest of what is in it, decompressed.
    pub diff_id: Option<Sha256>,
}

/// What is known of a blob after it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The digest of the blob as it is.
    pub digest: Sha256,
    /// The blob's bytes.
    pub size: u64,
    /// The digest of what is in it, decompressed.
    pub diff_id: Sha256,
    /// Its bytes, decompressed.
    pub bytes: u64,
}

/// What is in a blob, decompressed.
#[derive(Debug)]
pub struct Stream {}

impl Read for Stream {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn consume(&mut self, _bytes: usize) {}
}

/// Reads a blob in a thread of its own, by its first bytes as gzip, zstd or as it is, while
/// `consume` works on what is in it; what `consume` leaves is read too.
///
/// Fails if the blob ends too early or too late, is not what is `expected`, or goes beyond the
/// limits of bytes and ratio. That is known at the end only: until then nothing that `consume` has
/// seen is to be relied upon.
///
/// ```text
/// let (unpacked, decoded) = decode(blob, &expected, &options.limits, |layer| unpack(layer, dir, &options))?;
/// ```
pub fn decode<T>(
    _blob: impl Read + Send,
    _expected: &Expected,
    _limits: &Limits,
    _consume: impl FnOnce(&mut Stream) -> Result<T>,
) -> Result<(T, Decoded)> {
    bail!("archive: reading a blob: not written yet")
}
