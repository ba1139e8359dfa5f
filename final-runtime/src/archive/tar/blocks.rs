//! An archive is made of blocks: a file's content is filled up with zero bytes to whole ones.

use std::io::{BufRead, ErrorKind};

use anyhow::{Context, Result, ensure};

use super::header::{BLOCK, Block};

/// An archive that is being read.
pub struct Blocks<R> {
    reader: R,
    position: u64,
    limit: u64,
}

impl<R: BufRead> Blocks<R> {
    /// At most `limit` bytes are read.
    pub fn new(reader: R, limit: u64) -> Self {
        Self { reader, position: 0, limit }
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next block.
    pub fn block(&mut self) -> Result<Block> {
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        Ok(block)
    }

    /// The next `size` bytes, and what fills up their last block.
    pub fn bytes(&mut self, size: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; size];
        self.fill(&mut bytes)?;
        self.padding(size as u64)?;
        Ok(bytes)
    }

    /// Some of the next bytes, as many as there are at hand and at most `most`, for
    /// [`consume`](Self::consume). None only at the end of the archive.
    pub fn some(&mut self, most: u64) -> Result<&[u8]> {
        ensure!(self.position < self.limit, "the archive has more than {} bytes", self.limit);
        let most = usize::try_from(most.min(self.limit - self.position)).unwrap_or(usize::MAX);
        let length = loop {
            match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                bytes => break bytes.context("reading the archive")?.len(),
            }
        };
        if length == 0 {
            return Ok(&[]);
        }
        // They are still there: a loop cannot return what it borrows.
        let bytes = self.reader.fill_buf().context("reading the archive")?;
        Ok(&bytes[..length.min(most)])
    }

    /// So many of these have been used.
    pub fn consume(&mut self, bytes: usize) {
        self.reader.consume(bytes);
        self.position += bytes as u64;
    }

    /// Passes over the next bytes.
    pub fn skip(&mut self, mut bytes: u64) -> Result<()> {
        while bytes > 0 {
            let length = self.some(bytes)?.len();
            ensure!(length > 0, ENDS);
            self.consume(length);
            bytes -= length as u64;
        }
        Ok(())
    }

    /// Passes over what fills up the last block of `size` bytes.
    pub fn padding(&mut self, size: u64) -> Result<()> {
        self.skip(size.wrapping_neg() % BLOCK as u64)
    }

    /// Whether there is nothing but zero bytes from here to the end.
    pub fn zero_to_the_end(&mut self) -> Result<bool> {
        loop {
            let bytes = self.some(u64::MAX)?;
            if bytes.is_empty() {
                return Ok(true);
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            let length = bytes.len();
            self.consume(length);
        }
    }

    fn fill(&mut self, mut buffer: &mut [u8]) -> Result<()> {
        while !buffer.is_empty() {
            let bytes = self.some(buffer.len() as u64)?;
            ensure!(!bytes.is_empty(), ENDS);
            let length = bytes.len();
            buffer[..length].copy_from_slice(bytes);
            self.consume(length);
            buffer = &mut buffer[length..];
        }
        Ok(())
    }
}

/// What is said of an archive that is not complete.
pub const ENDS: &str = "the archive ends too early";

#[cfg(test)]
mod tests {
    use std::io::{self, BufReader, Read};

    use super::*;

    /// Gives one byte at a time, and is interrupted before each.
    struct Slow<'a>(&'a [u8], bool);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            match self.1 {
                true => Err(ErrorKind::Interrupted.into()),
                false => self.0.read(&mut buffer[..1]),
            }
        }
    }

    #[test]
    fn pieces_are_put_together() -> Result<()> {
        let archive: Vec<u8> = (0..3 * BLOCK).map(|n| (n % 251) as u8).collect();
        let mut blocks = Blocks::new(BufReader::new(Slow(&archive, false)), u64::MAX);
        assert_eq!(blocks.block()?, archive[..BLOCK]);
        assert_eq!(blocks.bytes(3)?, archive[BLOCK..BLOCK + 3]);
        assert_eq!(blocks.position(), 2 * BLOCK as u64);
        assert_eq!(blocks.block()?, archive[2 * BLOCK..]);
        blocks.block().expect_err("it has ended");
        assert!(blocks.zero_to_the_end()?);
        Ok(())
    }

    #[test]
    fn there_is_a_limit() {
        let mut blocks = Blocks::new(&[0; 3 * BLOCK][..], 1000);
        blocks.block().expect("within");
        let error = blocks.block().expect_err("beyond");
        assert_eq!(error.to_string(), "the archive has more than 1000 bytes");
        Blocks::new(&[0; 3 * BLOCK][..], 1000).zero_to_the_end().expect_err("beyond");
    }
}
