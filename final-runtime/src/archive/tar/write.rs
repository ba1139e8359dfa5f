//! Writing an archive, in POSIX's dialect with as few extended headers as will do.

use std::{io::Write, os::unix::ffi::OsStrExt, path::Path};

use anyhow::{Context, Result, ensure};

use super::{Entry, Kind, draft::Draft, header::BLOCK, sparse};

/// An archive that is being written.
pub struct Writer<W> {
    output: W,
    /// Bytes of data that the last entry has announced, and that are still to come.
    left: u64,
    /// Bytes that are missing in the last block after them.
    padding: usize,
}

impl<W: Write> Writer<W> {
    /// Writes it from its beginning.
    pub fn new(output: W) -> Self {
        Self { output, left: 0, padding: 0 }
    }

    /// Begins an entry. If it has data, that is to follow: all of it, or what its map says.
    pub fn entry(&mut self, entry: &Entry) -> Result<()> {
        self.end_of_data()?;
        let mut draft = Draft::new(letter(&entry.kind), entry.mode);
        let map = match &entry.kind {
            Kind::File { size, map: Some(map) } => {
                draft.record(b"GNU.sparse.major", b"1");
                draft.record(b"GNU.sparse.minor", b"0");
                draft.record(b"GNU.sparse.name", entry.path.as_os_str().as_bytes());
                draft.record(b"GNU.sparse.realsize", size.to_string().as_bytes());
                draft.path(&beside(&entry.path, "GNUSparseFile.0"));
                sparse::write_map(map, *size)
            }
            kind => {
                draft.path(&path(&entry.path, kind));
                Vec::new()
            }
        };
        match &entry.kind {
            Kind::Link(target) => draft.link(target.as_os_str().as_bytes()),
            Kind::Symlink(target) => draft.link(target.as_bytes()),
            Kind::Character(major, minor) | Kind::Block(major, minor) => {
                draft.device(*major, *minor);
            }
            Kind::File { .. } | Kind::Directory | Kind::Fifo => {}
        }
        let data = entry.kind.data();
        draft.owner(entry.uid, entry.gid);
        draft.size(map.len() as u64 + data);
        draft.mtime(entry.mtime);
        for (name, value) in &entry.xattrs {
            draft.xattr(name, value);
        }
        self.headers(&entry.path, draft)?;
        self.write(&map)?; // whole blocks
        self.left = data;
        self.padding = usize::try_from(data.wrapping_neg() % BLOCK as u64)?;
        Ok(())
    }

    /// The next bytes of the entry's data.
    pub fn data(&mut self, bytes: &[u8]) -> Result<()> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.context("it has grown while it was read")?;
        self.write(bytes)
    }

    /// Marks the end, and gives back what was written to.
    pub fn finish(mut self) -> Result<W> {
        self.end_of_data()?;
        self.write(&[0; 2 * BLOCK])?;
        Ok(self.output)
    }

    fn end_of_data(&mut self) -> Result<()> {
        ensure!(self.left == 0, "it has shrunk while it was read");
        let padding = std::mem::take(&mut self.padding);
        self.write(&[0; BLOCK][..padding])
    }

    /// An entry's header, and before it, if it takes one, an extended header: a file of its own,
    /// which only readers from before it was known unpack.
    fn headers(&mut self, path: &Path, draft: Draft) -> Result<()> {
        let (header, records) = draft.finish();
        if !records.is_empty() {
            let mut name = beside(path, "PaxHeaders.0");
            name.truncate(100);
            let mut extended = Draft::new(b'x', 0o644);
            extended.path(&name);
            extended.owner(0, 0);
            extended.size(records.len() as u64);
            extended.mtime(super::Time { seconds: 0, nanos: 0 });
            self.write(&extended.finish().0)?;
            self.write(&records)?;
            self.write(&[0; BLOCK][..records.len().wrapping_neg() % BLOCK])?;
        }
        self.write(&header)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.output.write_all(bytes).context("writing the archive")
    }
}

/// Directories are told by a slash too, since long ago.
fn path(path: &Path, kind: &Kind) -> Vec<u8> {
    let mut bytes = path.as_os_str().as_bytes().to_vec();
    match kind {
        _ if bytes.is_empty() => bytes.extend(b"./"),
        Kind::Directory => bytes.push(b'/'),
        _ => {}
    }
    bytes
}

/// What a path becomes for readers who do not know what it is.
fn beside(path: &Path, dir: &str) -> Vec<u8> {
    let name = path.file_name().unwrap_or_default();
    path.with_file_name(dir).join(name).into_os_string().into_encoded_bytes()
}

fn letter(kind: &Kind) -> u8 {
    match kind {
        Kind::File { .. } => b'0',
        Kind::Link(_) => b'1',
        Kind::Symlink(_) => b'2',
        Kind::Character(..) => b'3',
        Kind::Block(..) => b'4',
        Kind::Directory => b'5',
        Kind::Fifo => b'6',
    }
}
