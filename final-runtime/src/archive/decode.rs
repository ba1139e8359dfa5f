//! Reading a blob: in one pass it is decompressed, checked against its digests, and handed on.
//!
//! A thread reads, digests and decompresses; the caller digests what comes out and works on it. The
//! two of them take about as long with a layer of many small files.

use std::{
    io::{self, BufRead, Error, ErrorKind, Read},
    mem, panic,
    sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    thread,
};

use anyhow::{Context, Result, ensure};

use super::{
    Limits, Sha256,
    compression::{Compression, Decoder},
    digesting::{Input, Sum},
};

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
    blob: impl Read + Send,
    expected: &Expected,
    limits: &Limits,
    consume: impl FnOnce(&mut Stream) -> Result<T>,
) -> Result<(T, Decoded)> {
    thread::scope(|scope| {
        let (mut stream, pieces) = Stream::new();
        let size = expected.size;
        let reader = scope.spawn(move || read(blob, size, limits, pieces));
        let consumed = consume(&mut stream).and_then(|value| {
            io::copy(&mut stream, &mut io::sink())?;
            Ok(value)
        });
        let sum = stream.hang_up();
        let read = reader.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
        // What went wrong in the thread is the reason for what went wrong here.
        let blob = read.context("archive")?;
        let value = consumed?;
        let blob = blob.context("archive: the blob was not read to its end")?;
        let decoded = Decoded {
            size: blob.bytes(),
            digest: blob.finish(),
            bytes: sum.bytes(),
            diff_id: sum.finish(),
        };
        decoded.check(expected).context("archive")?;
        Ok((value, decoded))
    })
}

impl Decoded {
    fn check(&self, expected: &Expected) -> Result<()> {
        let Self { digest, size, diff_id, .. } = self;
        if let Some(wanted) = expected.size {
            ensure!(*size == wanted, "the blob has {size} bytes, and should have {wanted}");
        }
        if let Some(wanted) = expected.digest {
            ensure!(*digest == wanted, "the blob is {digest}, and should be {wanted}");
        }
        if let Some(wanted) = expected.diff_id {
            ensure!(*diff_id == wanted, "the layer's content is {diff_id}, and should be {wanted}");
        }
        Ok(())
    }
}

/// Bytes in a piece, and how many pieces there are.
const PIECE: usize = 256 << 10;
const PIECES: usize = 8;

/// The thread's ends of the two channels, for pieces with bytes in them and for used ones.
struct Pieces {
    /// A piece that is not full is the last one.
    full: SyncSender<Vec<u8>>,
    used: Receiver<Vec<u8>>,
}

/// Reads the whole blob and says what it was. None if nobody wants the rest.
fn read(
    blob: impl Read + Send,
    size: Option<u64>,
    limits: &Limits,
    pieces: Pieces,
) -> Result<Option<Sum>> {
    let mut input = Input::new(blob);
    let start = input.peek(Compression::START).context("reading the blob")?;
    let compression = Compression::detect(start)?;
    let mut decoder = Decoder::new(compression, input);
    let mut bytes = 0;
    while let Ok(mut piece) = pieces.used.recv() {
        piece.resize(PIECE, 0);
        let length = fill(&mut decoder, &mut piece);
        let length = length.with_context(|| format!("reading the blob ({compression})"))?;
        bytes += length as u64;
        let blob = decoder.input().sum().bytes();
        let most = size.unwrap_or(u64::MAX);
        ensure!(blob <= most, "the blob has more than the {most} bytes that it should have");
        limits.check(bytes, blob)?;
        piece.truncate(length);
        if pieces.full.send(piece).is_err() {
            return Ok(None);
        }
        if length < PIECE {
            return Ok(Some(decoder.into_input().into_sum()));
        }
    }
    Ok(None)
}

/// Reads until the buffer is full, or to the end.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match reader.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// What is in a blob, decompressed.
#[derive(Debug)]
pub struct Stream {
    full: Receiver<Vec<u8>>,
    used: Sender<Vec<u8>>,
    piece: Vec<u8>,
    /// Bytes of the piece that have been consumed.
    at: usize,
    /// Whether it is the last.
    last: bool,
    sum: Sum,
}

impl Stream {
    fn new() -> (Self, Pieces) {
        let (full_sender, full) = sync_channel(PIECES);
        let (used, used_receiver) = channel();
        for _ in 0..PIECES {
            let _ = used.send(Vec::new()); // its receiver is right here
        }
        let pieces = Pieces { full: full_sender, used: used_receiver };
        let stream =
            Self { full, used, piece: Vec::new(), at: 0, last: false, sum: Sum::default() };
        (stream, pieces)
    }

    /// Tells the thread that nobody wants more, and what there was so far.
    fn hang_up(self) -> Sum {
        self.sum
    }
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.piece.len() && !self.last {
            let next = self.full.recv().map_err(|_| Error::other("the blob cannot be read on"))?;
            self.sum.add(&next);
            self.last = next.len() < PIECE;
            self.at = 0;
            let used = mem::replace(&mut self.piece, next);
            let _ = self.used.send(used); // unless all has been read
        }
        Ok(&self.piece[self.at..])
    }

    fn consume(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.piece.len());
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;
    use rstest::rstest;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    /// More than all pieces together, and it does not repeat itself.
    fn content() -> Vec<u8> {
        let mut number = 1_u32;
        let numbers = (0..PIECE * (PIECES + 2) / 4 + 1).flat_map(|_| {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            number.to_le_bytes()
        });
        numbers.collect()
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).expect("memory");
        encoder.finish().expect("memory")
    }

    fn zstd(content: &[u8]) -> Vec<u8> {
        compress_to_vec(content, CompressionLevel::Fastest)
    }

    fn plain(content: &[u8]) -> Vec<u8> {
        content.to_vec()
    }

    const SKIPPED: &[u8] = b"\x5e\x2a\x4d\x18\x03\0\0\0abc";

    fn sum(content: &[u8]) -> Sha256 {
        let mut sum = Sum::default();
        sum.add(content);
        sum.finish()
    }

    fn all(blob: &[u8], expected: &Expected) -> Result<(Vec<u8>, Decoded)> {
        decode(blob, expected, &Limits::default(), |stream| {
            let mut content = Vec::new();
            stream.read_to_end(&mut content)?;
            Ok(content)
        })
    }

    fn refused(blob: &[u8]) -> String {
        format!("{:#}", all(blob, &Expected::default()).expect_err("it is to be refused"))
    }

    #[rstest]
    fn a_blob_is_decompressed_and_digested(
        #[values(plain, gzip, zstd)] compress: fn(&[u8]) -> Vec<u8>,
        #[values(0, 1, PIECE, PIECE * PIECES, usize::MAX)] length: usize,
    ) -> Result<()> {
        let content = content();
        let content = &content[..length.min(content.len())];
        let blob = compress(content);
        let wanted = Decoded {
            digest: sum(&blob),
            size: blob.len() as u64,
            diff_id: sum(content),
            bytes: content.len() as u64,
        };
        let expected = Expected {
            digest: Some(wanted.digest),
            size: Some(wanted.size),
            diff_id: Some(wanted.diff_id),
        };
        let (seen, decoded) = all(&blob, &expected)?;
        assert!(seen == content);
        assert_eq!(decoded, wanted);
        // Also if nobody looks at it.
        let ((), decoded) = decode(&blob[..], &expected, &Limits::default(), |_| Ok(()))?;
        assert_eq!(decoded, wanted);
        Ok(())
    }

    #[test]
    fn one_that_comes_byte_by_byte_is_read_too() -> Result<()> {
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(&mut buffer[..1])
            }
        }
        let blob = gzip(b"content");
        let read = |stream: &mut Stream| Ok(io::read_to_string(stream)?);
        let (content, _) = decode(Slow(&blob), &Expected::default(), &Limits::default(), read)?;
        assert_eq!(content, "content");
        Ok(())
    }

    #[test]
    fn members_and_frames_are_put_together() -> Result<()> {
        let blob = [gzip(b"a"), gzip(b""), gzip(b"b")].concat();
        assert_eq!(all(&blob, &Expected::default())?.0, b"ab");
        let blob = [SKIPPED, &zstd(b"a"), SKIPPED, &zstd(b""), &zstd(b"b"), SKIPPED].concat();
        assert_eq!(all(&blob, &Expected::default())?.0, b"ab");
        Ok(())
    }

    #[test]
    fn what_follows_is_an_error() {
        for end in [&b"x"[..], b"\0", b"\x1f\x8b", SKIPPED] {
            refused(&[&gzip(b"a"), end].concat());
        }
        for end in [&b"x"[..], b"\0\0\0\0", &SKIPPED[..10], &SKIPPED[..7], b"\x28\xb5\x2f\xfd"] {
            refused(&[&zstd(b"a"), end].concat());
        }
    }

    #[rstest]
    fn a_blob_that_is_cut_short_is_refused(#[values(gzip, zstd)] compress: fn(&[u8]) -> Vec<u8>) {
        let blob = compress(&content()[..100]);
        // With less than two bytes it could be anything.
        for length in 4..blob.len() {
            refused(&blob[..length]);
        }
    }

    #[test]
    fn bits_that_have_flipped_are_told() {
        // By the checksums that are in it: of gzip always, of zstd if whoever made it wanted one.
        let gzip = gzip(b"hello");
        for byte in 10..gzip.len() {
            let mut blob = gzip.clone();
            blob[byte] ^= 1;
            refused(&blob);
        }
        assert_eq!(all(HELLO, &Expected::default()).expect("good").0, b"hello, hello, hello\n");
        for byte in 6..HELLO.len() {
            let mut blob = HELLO.to_vec();
            blob[byte] ^= 1;
            // Some bits mean nothing.
            if let Ok((content, _)) = all(&blob, &Expected::default()) {
                assert_eq!(content, b"hello, hello, hello\n");
            }
        }
    }

    /// Made by zstd(1), with a checksum.
    const HELLO: &[u8] =
        b"\x28\xb5\x2f\xfd\x04\x68\x75\x00\x00\x40\x68\x65\x6c\x6c\x6f\x2c\x20\x0a\x01\
        \x00\xe2\x8a\x11\x21\x69\x9d\x87";

    #[test]
    fn another_blob_is_refused() {
        let (blob, other) = (gzip(b"a"), sum(b"other"));
        let long = blob.len() as u64;
        for (expected, told) in [
            (Expected { digest: Some(other), ..Expected::default() }, "the blob is sha256:"),
            (Expected { diff_id: Some(other), ..Expected::default() }, "the layer's content is"),
            (Expected { size: Some(long - 1), ..Expected::default() }, "more than the"),
            (Expected { size: Some(long + 1), ..Expected::default() }, "bytes, and should have"),
        ] {
            let error = format!("{:#}", all(&blob, &expected).expect_err("another"));
            assert!(error.starts_with("archive: ") && error.contains(told), "{error}");
        }
    }

    #[rstest]
    #[case(b"BZh91AY&SY", "bzip2")]
    #[case(b"\xfd7zXZ\0\0", "xz")]
    #[case(b"LZIP\x01", "lzip")]
    #[case(b"\x04\x22\x4d\x18", "lz4")]
    #[case(b"\x1f\x9d\x90", "compress")]
    fn other_compressions_are_named(#[case] blob: &[u8], #[case] name: &str) {
        let wanted =
            format!("archive: it is compressed by {name}; only gzip and zstd are understood");
        assert_eq!(refused(blob), wanted);
    }

    /// And the thread does not wait for somebody to take what it has read.
    #[test]
    fn whoever_consumes_may_give_up() {
        let content = content();
        let nothing = |_: &mut Stream| -> Result<()> { anyhow::bail!("no") };
        let result = decode(&content[..], &Expected::default(), &Limits::default(), nothing);
        assert_eq!(result.expect_err("no").to_string(), "no");
    }

    #[test]
    fn the_reason_is_the_blobs_and_not_that_it_cannot_be_read_on() {
        let mut blob = gzip(&content());
        let middle = blob.len() / 2;
        blob.truncate(middle);
        assert_eq!(refused(&blob), "archive: reading the blob (gzip): incomplete deflate stream");
    }

    #[test]
    fn a_bomb_is_recognized_by_what_it_becomes() {
        struct Zeros;
        impl Read for Zeros {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                buffer.fill(0);
                Ok(buffer.len())
            }
        }
        let limits = Limits { bytes: 1 << 20, ..Limits::default() };
        let error = decode(Zeros, &Expected::default(), &limits, |_| Ok(())).expect_err("endless");
        assert_eq!(format!("{error:#}"), "archive: the layer has more than 1048576 bytes");
        assert!(Limits::default().check(1 << 30, 1).is_ok());
        assert!(Limits::default().check(5 << 30, 1 << 25).is_ok());
        assert!(Limits::default().check(9 << 30, 1 << 25).is_err());
    }
}
