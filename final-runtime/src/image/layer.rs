//! Keeping a layer as it comes, when nothing says yet what it is.

use std::io::{self, Read, Write};

use anyhow::Result;

use super::{blobs::Blobs, digest::Digest, manifest::Descriptor, media};
use crate::archive::{Compression, Expected, Limits, Stream, decode};

/// A layer that is kept.
pub struct Kept {
    /// Of the layer as it came.
    pub descriptor: Descriptor,
    /// Of what is in it.
    pub diff_id: Digest,
}

/// Keeps the layer that `from` says. What is in it is to have this digest, if that is known, and
/// `look` may look at it.
pub fn keep(
    blobs: &Blobs,
    mut from: impl Read + Send,
    diff_id: Option<&Digest>,
    look: impl FnOnce(&mut Stream) -> Result<()>,
) -> Result<Kept> {
    let mut start = Vec::new();
    from.by_ref().take(Compression::START as u64).read_to_end(&mut start)?;
    let compression = Compression::detect(&start)?;
    let mut draft = blobs.draft()?;
    let tee = Tee { from: io::Cursor::new(start).chain(from), to: &mut draft };
    let diff_id = diff_id.map(|id| id.to_string().parse()).transpose()?;
    let expected = Expected { diff_id, ..Expected::default() };
    let ((), decoded) = decode(tee, &expected, &Limits::default(), look)?;
    let media_type = match compression {
        Compression::No => media::LAYER,
        Compression::Gzip => media::LAYER_GZIP,
        Compression::Zstd => media::LAYER_ZSTD,
    };
    let (digest, size) = draft.finish()?;
    let diff_id = decoded.diff_id.to_string().parse()?;
    Ok(Kept { descriptor: Descriptor::new(media_type, digest, size), diff_id })
}

/// Writes down what is read.
struct Tee<R, W> {
    from: R,
    to: W,
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.to.write_all(&buffer[..count])?;
        Ok(count)
    }
}
