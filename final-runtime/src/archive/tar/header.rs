//! The block before each file. See "ustar Interchange Format" in pax(1), tar(5).
//!
//! ```text
//!   0 name 100 mode 108 uid 116 gid 124 size 136 mtime 148 checksum 156 type 157 link 257
//! 257 magic 263 version 265 user 297 group 329 major 337 minor 345 prefix 500     (POSIX)
//! 257 magic                 265 user 297 group 329 major 337 minor 345 … 512       (GNU)
//! ```

use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};

use super::number::{signed, unsigned};

/// Bytes in a block.
pub const BLOCK: usize = 512;

/// One block.
pub type Block = [u8; BLOCK];

/// A block that has been found to be a header.
pub struct Header<'a> {
    block: &'a Block,
    dialect: Dialect,
}

/// Who has written a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Before there were dialects: Unix, version 7.
    Old,
    /// ustar and pax.
    Posix,
    /// GNU tar.
    Gnu,
}

pub const NAME: Range<usize> = 0..100;
pub const MODE: Range<usize> = 100..108;
pub const UID: Range<usize> = 108..116;
pub const GID: Range<usize> = 116..124;
pub const SIZE: Range<usize> = 124..136;
pub const MTIME: Range<usize> = 136..148;
pub const CHECKSUM: Range<usize> = 148..156;
pub const TYPE: usize = 156;
pub const LINK: Range<usize> = 157..257;
pub const MAGIC: Range<usize> = 257..265;
pub const MAJOR: Range<usize> = 329..337;
pub const MINOR: Range<usize> = 337..345;
const PREFIX: Range<usize> = 345..500;
const END: Range<usize> = 500..512;

impl<'a> Header<'a> {
    /// Checks the sum and the dialect.
    pub fn new(block: &'a Block) -> Result<Self> {
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        let own: u64 = block[CHECKSUM].iter().map(|byte| u64::from(*byte)).sum();
        let counted = sum - own + 8 * u64::from(b' ');
        let written = unsigned(&block[CHECKSUM]).context("the header's checksum")?;
        ensure!(counted == written, "no header, or a damaged one: its checksum is wrong");
        let dialect = match &block[MAGIC] {
            b"\0\0\0\0\0\0\0\0" => Dialect::Old,
            b"ustar\x0000" => Dialect::Posix,
            b"ustar  \0" => Dialect::Gnu,
            magic => bail!("an unknown dialect of tar: {}", magic.escape_ascii()),
        };
        // star has times where the end of POSIX's prefix would be.
        let zero = block[END].iter().all(|byte| *byte == 0);
        ensure!(dialect != Dialect::Posix || zero, "an unknown dialect of tar: star's");
        Ok(Self { block, dialect })
    }

    /// Who has written it.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The letter that says of which type the file is.
    pub fn type_(&self) -> u8 {
        self.block[TYPE]
    }

    /// The file's path.
    pub fn path(&self) -> Vec<u8> {
        let name = text(&self.block[NAME]);
        match self.dialect {
            Dialect::Posix if self.block[PREFIX.start] != 0 => {
                [text(&self.block[PREFIX]), b"/", name].concat()
            }
            _ => name.to_vec(),
        }
    }

    /// Where a link leads.
    pub fn link(&self) -> Vec<u8> {
        text(&self.block[LINK]).to_vec()
    }

    /// The permission bits. Some writers add the type.
    pub fn mode(&self) -> Result<u32> {
        let mode = unsigned(&self.block[MODE]).context("its mode")?;
        Ok(u32::try_from(mode & 0o7777).unwrap_or_default()) // it fits
    }

    /// The owner.
    pub fn uid(&self) -> Result<u64> {
        unsigned(&self.block[UID]).context("its owner")
    }

    /// The group.
    pub fn gid(&self) -> Result<u64> {
        unsigned(&self.block[GID]).context("its group")
    }

    /// Bytes that follow.
    pub fn size(&self) -> Result<u64> {
        unsigned(&self.block[SIZE]).context("its size")
    }

    /// Seconds since 1970.
    pub fn mtime(&self) -> Result<i64> {
        signed(&self.block[MTIME]).context("its time")
    }

    /// A device's numbers.
    pub fn device(&self) -> Result<(u64, u64)> {
        let numbers = unsigned(&self.block[MAJOR])
            .and_then(|major| Ok((major, unsigned(&self.block[MINOR])?)));
        numbers.context("its device number")
    }

    /// The part that GNU tar uses for maps of sparse files.
    pub fn map(&self) -> &'a [u8] {
        &self.block[386..495]
    }
}

/// A field's text, which ends at its end or at a zero byte.
fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    &field[..end]
}
