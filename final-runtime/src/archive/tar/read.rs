//! One entry after the other.

use std::io::BufRead;

use anyhow::{Context, Result, bail, ensure};

use super::{
    Entry, Kind,
    blocks::{Blocks, ENDS},
    entry::{Extensions, Raw},
    header::{BLOCK, Header},
    pax::Extended,
    sparse,
};
use crate::archive::Limits;

/// An archive that is being read.
pub struct Archive<'a, R> {
    blocks: Blocks<R>,
    limits: &'a Limits,
    /// Bytes of the last entry that have not been read.
    left: u64,
    /// Bytes that the last entry has in the archive.
    archived: u64,
}

impl<'a, R: BufRead> Archive<'a, R> {
    /// Reads it from its beginning.
    pub fn new(reader: R, limits: &'a Limits) -> Self {
        Self { blocks: Blocks::new(reader, limits.bytes), limits, left: 0, archived: 0 }
    }

    /// The next entry. None at the end, which must be marked as such: two blocks of zero bytes, and
    /// then, if anything, more of them.
    pub fn next(&mut self) -> Result<Option<Entry>> {
        self.blocks.skip(std::mem::take(&mut self.left))?;
        self.blocks.padding(std::mem::take(&mut self.archived))?;
        let position = self.blocks.position();
        self.entry().with_context(|| format!("the entry at byte {position}"))
    }

    /// Hands on the next `bytes` of an entry's data, in pieces.
    pub fn data(&mut self, bytes: u64, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        ensure!(bytes <= self.left, "it has less data than it should");
        let end = self.left - bytes;
        while self.left > end {
            let piece = self.blocks.some(self.left - end)?;
            ensure!(!piece.is_empty(), ENDS);
            sink(piece)?;
            let length = piece.len();
            self.blocks.consume(length);
            self.left -= length as u64;
        }
        Ok(())
    }

    fn entry(&mut self) -> Result<Option<Entry>> {
        let mut extensions = Extensions::default();
        loop {
            let block = self.blocks.block()?;
            if block == [0; BLOCK] {
                ensure!(extensions.is_empty(), "an extended header of no entry");
                return self.end();
            }
            let header = Header::new(&block)?;
            match header.type_() {
                b'x' | b'g' | b'L' | b'K' => self.extension(&header, &mut extensions)?,
                _ => return self.file(&header, extensions).map(Some),
            }
        }
    }

    fn end(&mut self) -> Result<Option<Entry>> {
        ensure!(self.blocks.block()? == [0; BLOCK], "the end is not marked as it should be");
        ensure!(self.blocks.zero_to_the_end()?, "the archive goes on after its end");
        Ok(None)
    }

    /// Readers differ in what they make of several extensions of one entry: GNU's and POSIX's have
    /// never been mixed by anyone who meant well.
    fn extension(&mut self, header: &Header, extensions: &mut Extensions) -> Result<()> {
        let size = header.size()?;
        let limit = self.limits.header;
        ensure!(size <= limit, "an extended header of {size} bytes: more than {limit}");
        let mut content = self.blocks.bytes(usize::try_from(size)?)?;
        match header.type_() {
            b'g' if extensions.is_empty() => return Extended::read_global(&content),
            b'x' if extensions.is_empty() => {
                extensions.pax = Some(Extended::read(&content)?);
                return Ok(());
            }
            b'L' | b'K' if extensions.pax.is_none() => {}
            _ => bail!("extended headers that contradict each other"),
        }
        if content.last() == Some(&0) {
            content.pop();
        }
        ensure!(!content.is_empty() && !content.contains(&0), "a long name with a zero byte in it");
        let place = match header.type_() {
            b'L' => &mut extensions.path,
            _ => &mut extensions.link,
        };
        ensure!(place.is_none(), "extended headers that contradict each other");
        *place = Some(content);
        Ok(())
    }

    fn file(&mut self, header: &Header, extensions: Extensions) -> Result<Entry> {
        let Raw { mut entry, archived } = Raw::new(header, extensions, self.limits)?;
        (self.left, self.archived) = (archived, archived);
        if let Kind::File { size, map } = &mut entry.kind {
            self.map(header, size, map).with_context(|| format!("{:?}", entry.path))?;
            let limit = self.limits.file;
            ensure!(*size <= limit, "{:?} has {size} bytes: more than {limit}", entry.path);
        }
        Ok(entry)
    }

    /// If a file has holes, reads where.
    fn map(
        &mut self,
        header: &Header,
        size: &mut u64,
        map: &mut Option<sparse::Map>,
    ) -> Result<()> {
        let limit = self.limits.header;
        if header.type_() == b'S' {
            ensure!(map.is_none(), "it is sparse in two ways");
            let (read, whole) = sparse::read_gnu_map(header, &mut self.blocks, limit)?;
            *size = whole;
            *map = Some(sparse::check(read, whole, self.left)?);
        } else if map.is_some() {
            let start = self.blocks.position();
            let read = sparse::read_map(&mut self.blocks, limit)?;
            let used = self.blocks.position() - start;
            self.left = self.left.checked_sub(used).context("its map is longer than itself")?;
            *map = Some(sparse::check(read, *size, self.left)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use rstest::rstest;

    use super::*;
    use crate::archive::tar::{Extent, Time, Writer, draft::Draft, header::Block, pax};

    fn entry(path: &str, kind: Kind) -> Entry {
        let mtime = Time { seconds: 1, nanos: 0 };
        Entry { path: path.into(), kind, mode: 0o644, uid: 0, gid: 0, mtime, xattrs: Vec::new() }
    }

    fn file(path: &str, size: u64) -> Entry {
        entry(path, Kind::File { size, map: None })
    }

    /// A block with these fields, its sum made right.
    fn block(type_: u8, size: u64, change: impl FnOnce(&mut Block)) -> Block {
        let mut draft = Draft::new(type_, 0o644);
        draft.path(b"name");
        draft.size(size);
        let (mut block, _) = draft.finish();
        change(&mut block);
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }

    /// A header with something in it that is not a file's data.
    fn with(type_: u8, content: &[u8]) -> Vec<u8> {
        let header = block(type_, content.len() as u64, |_| {});
        let mut archive = [&header[..], content].concat();
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
        archive
    }

    fn ended(parts: &[&[u8]]) -> Vec<u8> {
        [&parts.concat()[..], &[0; 2 * BLOCK]].concat()
    }

    /// All entries with their data.
    fn read(archive: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>> {
        let limits = Limits::default();
        let mut archive = Archive::new(archive, &limits);
        let mut all = Vec::new();
        while let Some(entry) = archive.next()? {
            let mut data = Vec::new();
            archive.data(entry.kind.data(), |piece| {
                data.extend(piece);
                Ok(())
            })?;
            all.push((entry, data));
        }
        Ok(all)
    }

    fn refused(archive: &[u8]) -> String {
        format!("{:#}", read(archive).expect_err("it is to be refused"))
    }

    #[test]
    fn what_was_written_is_read() -> Result<()> {
        let long = "x".repeat(90);
        let time = |seconds, nanos| Time { seconds, nanos };
        let map = vec![Extent { offset: 4096, length: 3 }, Extent { offset: 1 << 40, length: 2 }];
        let entries = [
            Entry { mode: 0o1755, ..entry("", Kind::Directory) },
            Entry { mode: 0o6755, uid: 1000, gid: 4_000_000_000, ..file("file", 5) },
            Entry { mtime: time(-2, 999_999_999), ..file(&format!("{long}/{long}"), 0) },
            Entry { mtime: time(8 << 30, 1), ..file("é\n\"", 512) },
            entry("hard", Kind::Link("file".into())),
            entry("long", Kind::Link(format!("{long}/{long}").into())),
            entry("soft", Kind::Symlink("../../etc/passwd".into())),
            entry(&long, Kind::Symlink(long.repeat(5).into())),
            entry("null", Kind::Character(1, 3)),
            entry("disk", Kind::Block(4095, 1_048_575)),
            entry("pipe", Kind::Fifo),
            entry(&format!("{long}/directory"), Kind::Directory),
            entry("holes", Kind::File { size: 1 << 41, map: Some(map) }),
            entry("all hole", Kind::File { size: 5, map: Some(Vec::new()) }),
            Entry {
                xattrs: vec![
                    (b"user.empty".to_vec(), Vec::new()),
                    (b"security.capability".to_vec(), vec![0, b'\n', 255]),
                ],
                ..file("attributes", 1)
            },
        ];
        let data = |entry: &Entry| vec![b'd'; usize::try_from(entry.kind.data()).expect("small")];
        let mut writer = Writer::new(Vec::new());
        for entry in &entries {
            writer.entry(entry)?;
            writer.data(&data(entry))?;
        }
        let archive = writer.finish()?;
        let read = read(&archive)?;
        assert_eq!(read.len(), entries.len());
        for ((read, content), entry) in read.iter().zip(&entries) {
            assert_eq!(format!("{read:?}"), format!("{entry:?}"));
            assert_eq!(*content, data(entry));
        }
        Ok(())
    }

    #[test]
    fn data_that_nobody_asks_for_is_passed_over() -> Result<()> {
        let mut writer = Writer::new(Vec::new());
        for (name, size) in [("a", 513), ("b", 512), ("c", 0)] {
            writer.entry(&file(name, size))?;
            writer.data(&vec![1; usize::try_from(size)?])?;
        }
        let bytes = writer.finish()?;
        let limits = Limits::default();
        let mut archive = Archive::new(&bytes[..], &limits);
        let mut names = Vec::new();
        while let Some(entry) = archive.next()? {
            archive.data(entry.kind.data() / 2, |_| Ok(()))?;
            names.push(entry.path);
        }
        assert_eq!(names, ["a", "b", "c"].map(PathBuf::from));
        Ok(())
    }

    #[test]
    fn what_is_written_must_be_as_long_as_announced() -> Result<()> {
        let mut writer = Writer::new(Vec::new());
        writer.entry(&file("a", 2))?;
        writer.data(b"a")?;
        writer.data(b"bc").expect_err("too much");
        writer.entry(&file("b", 0)).expect_err("too little");
        writer.finish().expect_err("too little");
        Ok(())
    }

    #[rstest]
    #[case("name", "name")]
    #[case("./name", "name")]
    #[case("/name", "name")]
    #[case("a//b/./c", "a/b/c")]
    #[case("...", "...")]
    fn paths_are_made_clean(#[case] path: &str, #[case] wanted: &str) -> Result<()> {
        let extended = with(b'x', &pax::write(b"path", path.as_bytes()));
        let entries = read(&ended(&[&extended, &block(b'0', 0, |_| {})]))?;
        assert_eq!(entries[0].0.path, Path::new(wanted));
        Ok(())
    }

    #[rstest]
    fn paths_that_lead_elsewhere_are_refused(
        #[values("..", "../a", "a/..", "a/../b", "/..", "a/", "a/.", "/", ".")] path: &str,
    ) {
        let extended = with(b'x', &pax::write(b"path", path.as_bytes()));
        refused(&ended(&[&extended, &block(b'0', 0, |_| {})]));
    }

    #[test]
    fn the_limits_of_paths_hold() {
        let path = |path: &str| {
            let extended = with(b'x', &pax::write(b"path", path.as_bytes()));
            read(&ended(&[&extended, &block(b'0', 0, |_| {})]))
        };
        path(&"a".repeat(4095)).expect("4095 bytes");
        path(&"a".repeat(4096)).expect_err("4096 bytes");
        path(&["a"; 256].join("/")).expect("256 deep");
        path(&["a"; 257].join("/")).expect_err("257 deep");
    }

    /// The size in an extended header is for the file, and for it alone.
    #[test]
    fn an_extended_size_counts() -> Result<()> {
        let inner = block(b'0', 0, |block| block[..4].copy_from_slice(b"evil"));
        let extended = with(b'x', &pax::write(b"size", b"512"));
        for size in [0, 1024] {
            let outer = block(b'0', size, |_| {});
            let entries = read(&ended(&[&extended, &outer, &inner]))?;
            assert_eq!(entries.len(), 1, "the header that is data is none");
            assert_eq!(entries[0].1, inner);
        }
        Ok(())
    }

    #[test]
    fn extensions_do_not_mix() {
        let name = with(b'x', &pax::write(b"path", b"a"));
        let (path, link, global) = (with(b'L', b"long\0"), with(b'K', b"link\0"), with(b'g', b""));
        let file = block(b'0', 0, |_| {});
        read(&ended(&[&global, &name, &file])).expect("one for all and one");
        read(&ended(&[&path, &link, &block(b'2', 0, |_| {})])).expect("a path and a target");
        for parts in [
            [&name, &path],
            [&name, &link],
            [&path, &name],
            [&link, &name],
            [&name, &name],
            [&path, &path],
            [&link, &link],
            [&name, &global],
            [&path, &global],
        ] {
            let error = refused(&ended(&[parts[0], parts[1], &file]));
            assert!(error.ends_with("extended headers that contradict each other"), "{error}");
        }
        for alone in [&name, &path, &link] {
            let error = refused(&ended(&[alone]));
            assert!(error.ends_with("an extended header of no entry"), "{error}");
        }
    }

    #[rstest]
    fn long_names_are_text(#[values("", "\0", "a\0b", "a\0\0")] name: &str) {
        let error = refused(&ended(&[&with(b'L', name.as_bytes()), &block(b'0', 0, |_| {})]));
        assert!(error.contains("long name"), "{error}");
    }

    #[rstest]
    fn only_files_have_data(#[values(b'1', b'2', b'3', b'4', b'5', b'6')] type_: u8) {
        let fields = |block: &mut Block| {
            block[157] = b'a';
            block[329] = b'1';
        };
        let (empty, full) = (block(type_, 0, fields), block(type_, 512, fields));
        read(&ended(&[&empty])).expect("no data");
        refused(&ended(&[&full, &[0; 512]]));
        refused(&ended(&[&with(b'x', &pax::write(b"size", b"512")), &empty, &[0; 512]]));
    }

    #[rstest]
    fn types_that_nobody_knows_are_refused(
        #[values(b'8', b'A', b'D', b'M', b'N', b'S', b'V', b'X', b'\xff')] type_: u8,
    ) {
        let error = refused(&ended(&[&block(type_, 0, |_| {})]));
        assert!(error.contains("of an unknown type"), "{error}");
    }

    #[rstest]
    fn a_bit_that_has_flipped_is_told(#[values(0, 99, 100, 156, 345, 511)] byte: usize) {
        let mut block = block(b'0', 0, |_| {});
        for bit in 0..8 {
            block[byte] ^= 1 << bit;
            let error = refused(&ended(&[&block]));
            assert!(error.ends_with("its checksum is wrong"), "{error}");
            block[byte] ^= 1 << bit;
        }
        read(&ended(&[&block])).expect("all is well");
    }

    #[rstest]
    #[case::version(|block: &mut Block| block[264] = b' ')]
    #[case::half_old(|block: &mut Block| block[257..263].fill(0))]
    #[case::star(|block: &mut Block| block[508..512].copy_from_slice(b"tar\0"))]
    #[case::owner(|block: &mut Block| block[108..116].copy_from_slice(b"\x80\0\0\0\xff\xff\xff\xff"))]
    #[case::group(|block: &mut Block| block[116..124].copy_from_slice(b"\x80\0\0\x01\0\0\0\0"))]
    #[case::negative(|block: &mut Block| block[124..136].fill(0xff))]
    fn strange_headers_are_refused(#[case] change: fn(&mut Block)) {
        refused(&ended(&[&block(b'0', 0, change)]));
    }

    #[rstest]
    #[case(0, 0, false)]
    #[case(1, 3, true)]
    #[case(0, 1, true)]
    #[case(4096, 0, false)]
    #[case(0, 1 << 20, false)]
    fn devices_are_the_kernels(#[case] major: u32, #[case] minor: u32, #[case] good: bool) {
        let numbers = |block: &mut Block| {
            block[329..337].copy_from_slice(format!("{major:07o}\0").as_bytes());
            block[337..345].copy_from_slice(format!("{minor:07o}\0").as_bytes());
        };
        assert_eq!(read(&ended(&[&block(b'3', 0, numbers)])).is_ok(), good);
    }

    /// A directory was a file with a slash in the days before there was a type for it.
    #[test]
    fn old_archives_are_read() -> Result<()> {
        let old = |name: &'static [u8]| {
            move |block: &mut Block| {
                block[257..265].fill(0);
                block[..name.len()].copy_from_slice(name);
            }
        };
        let parts = [block(0, 0, old(b"dir/")), block(0, 0, old(b"file"))];
        let entries = read(&ended(&[&parts[0], &parts[1]]))?;
        assert_eq!(entries[0].0.kind, Kind::Directory);
        assert_eq!(entries[1].0.kind, Kind::File { size: 0, map: None });
        refused(&ended(&[&block(0, 0, |block| block[4] = b'/')]));
        Ok(())
    }

    #[test]
    fn a_prefix_is_posix_alone() -> Result<()> {
        let prefix = |block: &mut Block| block[345..348].copy_from_slice(b"dir");
        let gnu = |block: &mut Block| {
            prefix(block);
            block[257..265].copy_from_slice(b"ustar  \0");
        };
        let entries = read(&ended(&[&block(b'0', 0, prefix), &block(b'0', 0, gnu)]))?;
        assert_eq!(entries[0].0.path, Path::new("dir/name"));
        assert_eq!(entries[1].0.path, Path::new("name"));
        Ok(())
    }

    #[test]
    fn an_archive_ends_with_two_empty_blocks_and_nothing_else() {
        let file = block(b'0', 0, |_| {});
        let empty = [0; BLOCK];
        assert_eq!(read(&ended(&[])).expect("empty").len(), 0);
        assert_eq!(read(&[&ended(&[&file])[..], &[0; 10_000]].concat()).expect("filled").len(), 1);
        assert!(refused(&[]).contains("ends too early"));
        assert!(refused(&file).contains("ends too early"));
        assert!(refused(&[file, empty].concat()).contains("ends too early"));
        assert!(refused(&[file, empty, file, empty, empty].concat()).contains("not marked"));
        assert!(refused(&[&ended(&[&file])[..], b"x"].concat()).contains("goes on after its end"));
        let whole = ended(&[&with(b'0', &[1; 700])]);
        for length in 0..whole.len() {
            refused(&whole[..length]);
        }
    }

    #[test]
    fn the_limits_of_headers_and_files_hold() {
        let limits = Limits { header: 512, file: 100, ..Limits::default() };
        let next = |archive: &[u8]| {
            let error = Archive::new(archive, &limits).next().map(drop);
            format!("{:#}", error.expect_err("too much"))
        };
        let name = next(&ended(&[&with(b'x', &pax::write(b"path", &[b'a'; 600]))]));
        assert!(name.ends_with("an extended header of 610 bytes: more than 512"), "{name}");
        let long = next(&ended(&[&with(b'0', &[0; 101])]));
        assert_eq!(long, "the entry at byte 0: \"name\" has 101 bytes: more than 100");
    }

    #[test]
    fn gnus_old_map_is_read() -> Result<()> {
        let first = |block: &mut Block| {
            block[257..265].copy_from_slice(b"ustar  \0");
            block[345..].fill(0);
            for (n, pair) in block[386..482].chunks_exact_mut(24).enumerate() {
                pair[..12].copy_from_slice(format!("{:011o}\0", n * 1024).as_bytes());
                pair[12..].copy_from_slice(b"00000000001\0");
            }
            block[482] = 1;
            block[483..495].copy_from_slice(b"00000010000\0");
        };
        let mut more = [0; BLOCK];
        more[..24].copy_from_slice(b"00000010000\x0000000000000\0");
        let data = with(b'0', b"abcd");
        let archive = ended(&[&block(b'S', 4, first), &more, &data[BLOCK..]]);
        let entries = read(&archive)?;
        let map = (0..4).map(|n| Extent { offset: n * 1024, length: 1 }).collect();
        assert_eq!(entries[0].0.kind, Kind::File { size: 4096, map: Some(map) });
        assert_eq!(entries[0].1, b"abcd");
        Ok(())
    }
}
