//! Compressed content, by its first bytes: gzip (RFC 1952), zstd (RFC 8878), or none of these.
//!
//! Decompressed in this process, by libraries and before anything of a container runs: a program of
//! the host, looked up in the wrong `PATH`, has been an image's own before (CVE-2014-9357).

use std::io::{self, BufRead, BufReader, Cursor, Error, ErrorKind, Read};

use anyhow::{Result, bail};
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const OTHERS: [(&[u8], &str); 3] =
    [(b"\xfd7zXZ\0", "xz"), (b"BZh", "bzip2"), (b"\x04\x22\x4d\x18", "lz4")];

/// As many of the first bytes as tell how content is compressed.
pub const ENOUGH: usize = 6;

/// How content is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// As gzip(1) does.
    Gzip,
    /// As zstd(1) does.
    Zstd,
}

impl Compression {
    /// Of content that begins with these bytes.
    pub fn of(start: &[u8]) -> Result<Self> {
        if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| start.starts_with(magic)) {
            bail!("it is compressed by {name}, and only gzip and zstd are known");
        }
        // A zstd stream may begin with a frame that is to be skipped.
        let skipped = start.get(1..4) == Some(b"\x2a\x4d\x18") && start[0] & 0xf0 == 0x50;
        Ok(match start {
            start if start.starts_with(GZIP) => Self::Gzip,
            start if start.starts_with(ZSTD) || skipped => Self::Zstd,
            _ => Self::None,
        })
    }
}

/// What `from` says when it is decompressed, and how it was compressed.
pub fn decompress<'a>(
    mut from: impl Read + Send + 'a,
) -> Result<(Compression, Box<dyn Read + Send + 'a>)> {
    let mut start = Vec::new();
    from.by_ref().take(ENOUGH as u64).read_to_end(&mut start)?;
    let compression = Compression::of(&start)?;
    let from = BufReader::with_capacity(1 << 16, Cursor::new(start).chain(from));
    let plain: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(from),
        Compression::Gzip => Box::new(MultiGzDecoder::new(from)),
        Compression::Zstd => Box::new(Frames::new(from)),
    };
    Ok((compression, plain))
}

/// The frames of a zstd stream, one after another: a library reads one alone.
struct Frames<R> {
    from: R,
    decoder: FrameDecoder,
    /// Whether the decoder is in a frame.
    within: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(from: R) -> Self {
        Self { from, decoder: FrameDecoder::new(), within: false }
    }

    /// Begins the next frame that is not to be skipped; `false` if there is none.
    fn next(&mut self) -> io::Result<bool> {
        use FrameDecoderError::ReadFrameHeaderError as Header;
        while !self.from.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.from) {
                Ok(()) => return Ok(true),
                Err(Header(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    let skipped = &mut self.from.by_ref().take(length);
                    if io::copy(skipped, &mut io::sink())? < length {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(Error::new(ErrorKind::InvalidData, error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.within {
                self.within = self.next()?;
                if !self.within {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let block = BlockDecodingStrategy::UptoBlocks(1);
                let decoded = self.decoder.decode_blocks(&mut self.from, block);
                decoded.map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            self.within = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression as Level, write::GzEncoder};
    use rstest::rstest;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Level::default());
        encoder.write_all(text).expect("to memory");
        encoder.finish().expect("to memory")
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn skipped(length: u8) -> Vec<u8> {
        let magic = b"\x51\x2a\x4d\x18".as_slice();
        [magic, &[length, 0, 0, 0], &vec![7; usize::from(length)]].concat()
    }

    fn plain(bytes: &[u8]) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        decompress(bytes)?.1.read_to_end(&mut text)?;
        Ok(text)
    }

    #[rstest]
    #[case(b"text".to_vec(), b"text")]
    #[case(b"".to_vec(), b"")]
    #[case(gzip(b"text"), b"text")]
    #[case([gzip(b"te"), gzip(b"xt")].concat(), b"text")]
    #[case(zstd(b"text"), b"text")]
    #[case(zstd(b""), b"")]
    #[case([zstd(b"te"), zstd(b""), skipped(9), zstd(b"xt"), skipped(0)].concat(), b"text")]
    #[case([skipped(3), zstd(b"text")].concat(), b"text")]
    fn what_was_compressed_is_as_it_was(#[case] bytes: Vec<u8>, #[case] text: &[u8]) {
        assert_eq!(plain(&bytes).expect("it is right"), text);
    }

    #[test]
    fn large_frames_are_whole() {
        let text: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 1000) as u8).collect();
        assert!(plain(&zstd(&text)).expect("it is right") == text);
        assert!(plain(&gzip(&text)).expect("it is right") == text);
    }

    #[rstest]
    #[case(&gzip(b"text")[..10])]
    #[case(&zstd(b"text")[..10])]
    #[case(&skipped(9)[..10])]
    #[case(&[zstd(b"text"), b"rest".to_vec()].concat())]
    #[case(b"\xfd7zXZ\0 and so on")]
    #[case(b"BZh9")]
    fn what_is_cut_off_or_unknown_is_an_error(#[case] bytes: &[u8]) {
        plain(bytes).expect_err("it is wrong");
    }
}
