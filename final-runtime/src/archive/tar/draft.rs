//! A header in the making: what fits goes into the block, what does not becomes records of an
//! extended header before it.

use std::ops::Range;

use super::{
    Time,
    header::{self, BLOCK, Block},
    pax,
};

/// A block, and records.
pub struct Draft {
    block: Block,
    records: Vec<u8>,
    /// Whether the records say that paths are in no known encoding.
    binary: bool,
}

impl Draft {
    /// A header of the type that this letter stands for.
    pub fn new(type_: u8, mode: u32) -> Self {
        let mut draft = Self { block: [0; BLOCK], records: Vec::new(), binary: false };
        draft.put(header::MAGIC, b"ustar\x0000");
        draft.put(header::TYPE..header::TYPE + 1, &[type_]);
        draft.octal(header::MODE, u64::from(mode));
        draft
    }

    /// The file's path.
    pub fn path(&mut self, path: &[u8]) {
        self.text(header::NAME, b"path", path);
    }

    /// Where a link leads.
    pub fn link(&mut self, target: &[u8]) {
        self.text(header::LINK, b"linkpath", target);
    }

    /// The owner and the group.
    pub fn owner(&mut self, uid: u32, gid: u32) {
        self.number(header::UID, b"uid", u64::from(uid));
        self.number(header::GID, b"gid", u64::from(gid));
    }

    /// Bytes that follow.
    pub fn size(&mut self, bytes: u64) {
        self.number(header::SIZE, b"size", bytes);
    }

    /// When its content was changed.
    pub fn mtime(&mut self, Time { seconds, nanos }: Time) {
        match u64::try_from(seconds) {
            Ok(seconds) if nanos == 0 => self.number(header::MTIME, b"mtime", seconds),
            _ => {
                // The header cannot say it exactly; that which it can is for old readers.
                self.number(header::MTIME, b"", u64::try_from(seconds).unwrap_or_default());
                let (sign, seconds, nanos) = match (seconds < 0, nanos) {
                    (false, nanos) => ("", seconds, nanos),
                    (true, 0) => ("-", -seconds, 0),
                    (true, nanos) => ("-", -seconds - 1, 1_000_000_000 - nanos),
                };
                self.record(b"mtime", format!("{sign}{seconds}.{nanos:09}").as_bytes());
            }
        }
    }

    /// A device's numbers.
    pub fn device(&mut self, major: u32, minor: u32) {
        self.octal(header::MAJOR, u64::from(major));
        self.octal(header::MINOR, u64::from(minor));
    }

    /// Something that only an extended header can say.
    pub fn record(&mut self, name: &[u8], value: &[u8]) {
        self.records.extend(pax::write(name, value));
    }

    /// An extended attribute.
    pub fn xattr(&mut self, name: &[u8], value: &[u8]) {
        self.records.extend(pax::write_xattr(name, value));
    }

    /// The block, with its sum, and the records.
    pub fn finish(mut self) -> (Block, Vec<u8>) {
        self.put(header::CHECKSUM, b"        ");
        let sum: u64 = self.block.iter().map(|byte| u64::from(*byte)).sum();
        self.octal(header::CHECKSUM, sum);
        (self.block, self.records)
    }

    fn text(&mut self, field: Range<usize>, name: &[u8], value: &[u8]) {
        let length = value.len().min(field.len());
        self.put(field.start..field.start + length, &value[..length]);
        if value.len() > length {
            if str::from_utf8(value).is_err() && !std::mem::replace(&mut self.binary, true) {
                self.record(b"hdrcharset", b"BINARY");
            }
            self.record(name, value);
        }
    }

    /// In the block as far as it fits.
    fn number(&mut self, field: Range<usize>, name: &[u8], value: u64) {
        if !self.octal(field, value) && !name.is_empty() {
            self.record(name, value.to_string().as_bytes());
        }
    }

    /// Digits, and a zero byte. Says whether there was room for them.
    fn octal(&mut self, field: Range<usize>, value: u64) -> bool {
        let width = field.len() - 1;
        let fits = value >> (3 * width) == 0;
        let value = if fits { value } else { 0 };
        self.put(field.start..field.start + width, format!("{value:0width$o}").as_bytes());
        fits
    }

    fn put(&mut self, field: Range<usize>, bytes: &[u8]) {
        self.block[field].copy_from_slice(bytes);
    }
}
