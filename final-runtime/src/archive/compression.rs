//! How a blob is compressed, and undoing it. See RFC 1952 (gzip) and RFC 8878 (zstd).

use std::{
    fmt,
    io::{self, BufRead, Error, Read, Write},
};

use anyhow::{Result, bail};
use flate2::{bufread::MultiGzDecoder, write::GzEncoder};
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

use super::Compress;

/// How a blob is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// It is not.
    No,
    /// By gzip.
    Gzip,
    /// By zstd.
    Zstd,
}

impl Compression {
    /// Bytes of a blob that tell how it is compressed.
    pub const START: usize = 6;

    /// Tells by a blob's first bytes. What is said elsewhere of a blob, as by its media type, need
    /// not be true.
    pub fn detect(start: &[u8]) -> Result<Self> {
        let other = match start {
            [0x1f, 0x8b, ..] => return Ok(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                return Ok(Self::Zstd);
            }
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => "bzip2",
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => "xz",
            [b'L', b'Z', b'I', b'P', ..] => "lzip",
            [0x04, 0x22, 0x4d, 0x18, ..] => "lz4",
            [0x1f, 0x9d, ..] => "compress",
            _ => return Ok(Self::No),
        };
        bail!("it is compressed by {other}; only gzip and zstd are understood")
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::No => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// Reads what was compressed, of an input to its end.
pub enum Decoder<R> {
    /// As it is.
    No(R),
    /// Members, one after the other.
    Gzip(Box<MultiGzDecoder<R>>),
    /// Frames, one after the other.
    Zstd(Box<Zstd<R>>),
}

impl<R: BufRead> Decoder<R> {
    /// Nothing is decompressed yet.
    pub fn new(compression: Compression, input: R) -> Self {
        match compression {
            Compression::No => Self::No(input),
            Compression::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(input))),
            Compression::Zstd => {
                Self::Zstd(Box::new(Zstd { input, frame: FrameDecoder::new(), within: false }))
            }
        }
    }

    /// What is read.
    pub fn input(&self) -> &R {
        match self {
            Self::No(input) => input,
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Zstd(decoder) => &decoder.input,
        }
    }

    /// Gives it back.
    pub fn into_input(self) -> R {
        match self {
            Self::No(input) => input,
            Self::Gzip(decoder) => decoder.into_inner(),
            Self::Zstd(decoder) => decoder.input,
        }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::No(input) => input.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

/// Writes what is to be compressed.
pub enum Encoder<W: Write> {
    /// As it is.
    No(W),
    /// As one member, without a time, so that the same content gives the same bytes.
    Gzip(Box<GzEncoder<W>>),
}

impl<W: Write> Encoder<W> {
    /// Nothing is written yet.
    pub fn new(compress: Compress, output: W) -> Self {
        match compress {
            Compress::No => Self::No(output),
            Compress::Gzip => {
                Self::Gzip(Box::new(GzEncoder::new(output, flate2::Compression::default())))
            }
        }
    }

    /// Writes the end, and gives back what was written to.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::No(output) => Ok(output),
            Self::Gzip(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::No(output) => output.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::No(output) => output.flush(),
            Self::Gzip(encoder) => encoder.flush(),
        }
    }
}

/// Frames, one after the other, some of them to be skipped.
pub struct Zstd<R> {
    input: R,
    frame: FrameDecoder,
    /// Whether `frame` has been begun and is not at its end.
    within: bool,
}

impl<R: BufRead> Zstd<R> {
    /// Begins the next frame. None at the end of the input.
    fn next_frame(&mut self) -> io::Result<Option<()>> {
        while !self.input.fill_buf()?.is_empty() {
            let skip = match self.frame.reset(&mut self.input) {
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => u64::from(length),
                other => return other.map(Some).map_err(Error::other),
            };
            if io::copy(&mut self.input.by_ref().take(skip), &mut io::sink())? != skip {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(None)
    }

    /// At a frame's end: its sum, which the library counts and does not compare.
    fn check(&self) -> io::Result<()> {
        match (self.frame.get_checksum_from_data(), self.frame.get_calculated_checksum()) {
            (Some(written), counted) if counted != Some(written) => {
                Err(Error::other("a frame's checksum is wrong"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.within {
                if self.next_frame()?.is_none() {
                    return Ok(0);
                }
                self.within = true;
            }
            while self.frame.can_collect() == 0 && !self.frame.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.frame.decode_blocks(&mut self.input, one).map_err(Error::other)?;
            }
            match self.frame.read(buffer)? {
                0 if !buffer.is_empty() => {
                    self.check()?;
                    self.within = false;
                }
                length => return Ok(length),
            }
        }
    }
}
