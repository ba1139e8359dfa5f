//! Files with holes, in the two ways in which GNU tar archives them today. See "Storing Sparse
//! Files" in its manual.

use std::io::BufRead;

use anyhow::{Context, Result, bail, ensure};

use super::{
    blocks::Blocks,
    header::{BLOCK, Header},
    number::unsigned,
    pax::{number, once},
};

/// A part of a file that is data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where it begins.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// A file's data, in order; the rest are holes.
pub type Map = Vec<Extent>;

/// What an extended header says of a file with holes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sparse {
    major: Option<u64>,
    minor: Option<u64>,
    /// Its path: the entry's own is for those who do not understand the map.
    pub path: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Sparse {
    /// Takes a record `GNU.sparse.NAME`.
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        match name {
            b"major" => once(&mut self.major, number(value)?),
            b"minor" => once(&mut self.minor, number(value)?),
            b"name" => once(&mut self.path, Some(value.to_vec())),
            b"realsize" => once(&mut self.size, number(value)?),
            _ => bail!("a sparse file in an old format"),
        }
    }

    /// The file's size, holes included, if it has any.
    pub fn size(&self) -> Result<Option<u64>> {
        match (self.major, self.minor, self.size) {
            (Some(1), Some(0), Some(size)) => Ok(Some(size)),
            _ if *self == Self::default() => Ok(None),
            _ => bail!("a sparse file in an unknown format"),
        }
    }
}

/// Reads the map that is a file's first blocks, in decimal lines. It takes `limit` bytes at most.
pub fn read_map<R: BufRead>(blocks: &mut Blocks<R>, limit: u64) -> Result<Map> {
    let (start, mut text) = (blocks.position(), Vec::new());
    let mut at = 0;
    let mut next = || -> Result<u64> {
        loop {
            if let Some(end) = text[at..].iter().position(|byte| *byte == b'\n') {
                let value = number(&text[at..at + end])?.context("an empty line in the map")?;
                at += end + 1;
                return Ok(value);
            }
            ensure!(blocks.position() - start < limit, "its map has more than {limit} bytes");
            text.extend(blocks.block()?);
        }
    };
    let count = next()?;
    ensure!(count <= limit / 4, "its map has more than {limit} bytes"); // two digits, two lines
    (0..count).map(|_| Ok(Extent { offset: next()?, length: next()? })).collect()
}

/// A map as the first blocks of a file of `size` bytes. GNU tar knows by an empty extent that the
/// file ends with a hole.
pub fn write_map(map: &Map, size: u64) -> Vec<u8> {
    let end = map.last().map_or(0, |last| last.offset + last.length);
    let last = (end < size).then_some(Extent { offset: size, length: 0 });
    let extents = || map.iter().copied().chain(last);
    let mut text = format!("{}\n", extents().count()).into_bytes();
    for Extent { offset, length } in extents() {
        text.extend(format!("{offset}\n{length}\n").bytes());
    }
    text.resize(text.len().next_multiple_of(BLOCK), 0);
    text
}

/// Reads the map of an old entry of GNU's, which begins in its header and goes on in the blocks
/// that follow, and the file's size.
pub fn read_gnu_map<R: BufRead>(
    header: &Header,
    blocks: &mut Blocks<R>,
    limit: u64,
) -> Result<(Map, u64)> {
    let (mut map, field) = (Map::new(), header.map());
    let (first, rest) = field.split_at(4 * PAIR);
    let mut more = add_pairs(&mut map, first, rest[0])?;
    let size = unsigned(&rest[1..]).context("its size")?;
    let start = blocks.position();
    while more {
        ensure!(blocks.position() - start < limit, "its map has more than {limit} bytes");
        let block = blocks.block()?;
        let (pairs, rest) = block.split_at(21 * PAIR);
        more = add_pairs(&mut map, pairs, rest[0])?;
    }
    Ok((map, size))
}

/// Bytes in an offset and a length.
const PAIR: usize = 24;

/// Takes pairs up to an empty one, and says whether a block with more of them follows.
fn add_pairs(map: &mut Map, field: &[u8], more: u8) -> Result<bool> {
    let used = |pair: &&[u8]| pair.iter().any(|byte| *byte != 0);
    let mut pairs = field.chunks_exact(PAIR);
    for pair in pairs.by_ref().take_while(used) {
        let (offset, length) = pair.split_at(PAIR / 2);
        map.push(Extent { offset: unsigned(offset)?, length: unsigned(length)? });
    }
    ensure!(!pairs.any(|pair| used(&pair)), "its map goes on after its end");
    Ok(more != 0)
}

/// Checks that the extents are in order, do not overlap, are within the file, and together as many
/// bytes as the archive has.
pub fn check(mut map: Map, size: u64, archived: u64) -> Result<Map> {
    let (mut end, mut sum) = (0, 0_u64);
    for Extent { offset, length } in &map {
        ensure!(*offset >= end, "its map is not in order");
        end = offset.checked_add(*length).context("its map is wrong")?;
        sum += length; // no more than the end
    }
    ensure!(end <= size && sum == archived, "its map is wrong");
    map.retain(|extent| extent.length > 0);
    Ok(map)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn map(extents: &[(u64, u64)]) -> Map {
        extents.iter().map(|(offset, length)| Extent { offset: *offset, length: *length }).collect()
    }

    fn padded(text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(text.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    #[test]
    fn a_map_in_lines_is_read_block_by_block() -> Result<()> {
        let wanted: Vec<_> = (0..100).map(|n| (n * 4096, 512)).collect();
        let lines: String = wanted.iter().map(|(at, length)| format!("{at}\n{length}\n")).collect();
        let archive = [padded(&format!("100\n{lines}")), vec![b'x'; BLOCK]].concat();
        let mut blocks = Blocks::new(&archive[..], u64::MAX);
        assert_eq!(read_map(&mut blocks, 10_000)?, map(&wanted));
        assert_eq!(blocks.block()?, [b'x'; BLOCK]);
        read_map(&mut Blocks::new(&archive[..], u64::MAX), 1024).expect_err("too long");
        Ok(())
    }

    #[rstest]
    fn damaged_maps_are_refused(
        #[values("x\n", "\n", "1\n0\n", "1\n\n0\n", "1\n-1\n0\n", "1000000000000\n0\n0\n")]
        text: &str,
    ) {
        let archive = padded(text);
        read_map(&mut Blocks::new(&archive[..], u64::MAX), 10_000).expect_err(text);
    }

    #[rstest]
    #[case(&[], 0, 0, true)]
    #[case(&[(0, 1), (1, 1)], 2, 2, true)]
    #[case(&[(5, 1), (9, 0)], 9, 1, true)]
    #[case(&[(5, 1), (5, 1)], 9, 2, false)]
    #[case(&[(5, 1), (4, 1)], 9, 2, false)]
    #[case(&[(5, 5)], 9, 5, false)]
    #[case(&[(5, 4)], 9, 5, false)]
    #[case(&[(5, 4)], 9, 3, false)]
    #[case(&[(u64::MAX, 1)], u64::MAX, 1, false)]
    fn maps_are_checked(
        #[case] extents: &[(u64, u64)],
        #[case] size: u64,
        #[case] archived: u64,
        #[case] good: bool,
    ) {
        let checked = check(map(extents), size, archived);
        assert_eq!(checked.is_ok(), good, "{checked:?}");
        assert!(checked.unwrap_or_default().iter().all(|extent| extent.length > 0));
    }
}
