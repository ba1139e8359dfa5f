//! Counting bytes and taking their digest while they pass.

use std::io::{self, BufRead, ErrorKind, Read, Write};

use sha2::Digest;

use super::Sha256;

/// A digest in the making.
#[derive(Clone, Debug, Default)]
pub struct Sum {
    hash: sha2::Sha256,
    bytes: u64,
}

impl Sum {
    /// More bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// How many there were.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest of all of them.
    pub fn finish(self) -> Sha256 {
        Sha256::from(<[u8; 32]>::from(self.hash.finalize()))
    }
}

/// A reader with a buffer, that sums up what it reads.
pub struct Input<R> {
    reader: R,
    sum: Sum,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<R: Read> Input<R> {
    /// Nothing is read yet.
    pub fn new(reader: R) -> Self {
        Self { reader, sum: Sum::default(), buffer: vec![0; 256 << 10], start: 0, end: 0 }
    }

    /// What has been read so far.
    pub fn sum(&self) -> &Sum {
        &self.sum
    }

    /// Gives up reading; what was summed up is left.
    pub fn into_sum(self) -> Sum {
        self.sum
    }

    /// The first `bytes`, which stay to be read; fewer if there are no more.
    pub fn peek(&mut self, bytes: usize) -> io::Result<&[u8]> {
        while self.end < bytes && self.more()? > 0 {}
        Ok(&self.buffer[..self.end.min(bytes)])
    }

    /// Reads on, into what is free at the buffer's end.
    fn more(&mut self) -> io::Result<usize> {
        let free = &mut self.buffer[self.end..];
        let length = loop {
            match self.reader.read(free) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                length => break length?,
            }
        };
        self.sum.add(&free[..length]);
        self.end += length;
        Ok(length)
    }
}

impl<R: Read> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.more()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

/// A writer that sums up what it writes.
pub struct Output<W> {
    writer: W,
    sum: Sum,
}

impl<W: Write> Output<W> {
    /// Nothing is written yet.
    pub fn new(writer: W) -> Self {
        Self { writer, sum: Sum::default() }
    }

    /// What has been written, and where.
    pub fn finish(self) -> (W, Sum) {
        (self.writer, self.sum)
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.writer.write(bytes)?;
        self.sum.add(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
