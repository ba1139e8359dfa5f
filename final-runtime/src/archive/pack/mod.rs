//! Changes, or a whole tree, as an archive.
//!
//! | file | subject |
//! | --- | --- |
//! | `changes.rs` | what belongs into the layer |
//! | `file.rs` | one file as an entry |

mod changes;
mod file;

use std::{
    collections::HashMap,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use step07::{Archived, Node, Tree, Union};

use super::{
    Sha256,
    compression::Encoder,
    digesting::Output,
    tar::{Kind, Writer},
};
use changes::Changes;

/// What is to be packed.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// What a container has changed in an overlay.
    Upper(&'a Union),
    /// How one tree differs from another.
    Trees {
        /// The layers below.
        before: &'a Tree,
        /// The same with a container's changes.
        after: &'a Tree,
    },
    /// All that is in a tree.
    Whole(&'a Tree),
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compress {
    /// As a plain archive.
    No,
    /// By gzip.
    Gzip,
}

/// What has been packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The digest of what was written.
    pub digest: Sha256,
    /// Bytes that were written.
    pub size: u64,
    /// The digest of the archive before it was compressed.
    pub diff_id: Sha256,
    /// Bytes of the archive before it was compressed.
    pub bytes: u64,
    /// Entries of the archive.
    pub entries: u64,
    /// Paths that no layer can hold: sockets, names that begin with `.wh.`, devices 0:0.
    pub left_out: Vec<PathBuf>,
}

/// Writes an archive. The same files give the same archive, sorted by path, with owners by number,
/// times to the nanosecond, and, of a file with several names, the content once.
///
/// Holes are written out, as not every reader of layers understands maps of them, unless there are
/// many MiB of them.
pub fn pack(source: Source, output: impl Write, compress: Compress) -> Result<Packed> {
    let pack = || -> Result<Packed> {
        let changes = Changes::of(source)?;
        let blob = Output::new(BufWriter::with_capacity(256 << 10, output));
        let mut packing = Packing {
            tree: source.tree(),
            writer: Writer::new(Output::new(Encoder::new(compress, blob))),
            links: HashMap::new(),
            entries: 0,
        };
        packing.all(&changes)?;
        let (encoder, content) = packing.writer.finish()?.finish();
        let (mut output, blob) = encoder.finish().context("writing the archive")?.finish();
        output.flush().context("writing the archive")?;
        Ok(Packed {
            size: blob.bytes(),
            digest: blob.finish(),
            bytes: content.bytes(),
            diff_id: content.finish(),
            entries: packing.entries,
            left_out: changes.left_out,
        })
    };
    pack().context("archive: packing")
}

impl<'a> Source<'a> {
    /// Where the files are.
    fn tree(self) -> &'a Tree {
        match self {
            Self::Upper(union) => &union.upper,
            Self::Trees { after: tree, .. } | Self::Whole(tree) => tree,
        }
    }
}

struct Packing<'a, W> {
    tree: &'a Tree,
    writer: Writer<W>,
    /// Files of several names that have been packed, and the first name.
    links: HashMap<(u64, u64), PathBuf>,
    entries: u64,
}

impl<W: Write> Packing<'_, W> {
    fn all(&mut self, changes: &Changes) -> Result<()> {
        self.gone(changes, Path::new(""))?;
        for path in &changes.there {
            let named = || format!("{path:?}");
            let node = self.tree.node(path).and_then(|node| node.context("it has vanished"));
            let node = node.with_context(named)?;
            self.file(path, &node).with_context(named)?;
            self.gone(changes, path)?;
        }
        Ok(())
    }

    /// What is gone of a directory: before what is in it.
    fn gone(&mut self, changes: &Changes, dir: &Path) -> Result<()> {
        for name in changes.gone.get(dir).into_iter().flatten() {
            self.entries += 1;
            self.writer.entry(&file::whiteout(dir.join(Archived::whiteout(name))))?;
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, node: &Node) -> Result<()> {
        let mut entry = file::entry(path, node)?;
        self.entries += 1;
        let inode = (node.stat.st_dev, node.stat.st_ino);
        if let Some(first) = self.links.get(&inode) {
            entry.kind = Kind::Link(first.clone());
            entry.xattrs.clear();
            return self.writer.entry(&entry);
        }
        if !node.is_dir() && node.stat.st_nlink > 1 {
            self.links.insert(inode, path.to_owned());
        }
        self.writer.entry(&entry)?;
        match &entry.kind {
            Kind::File { size, map } => {
                file::copy(node, *size, map.as_ref(), |bytes| self.writer.data(bytes))
            }
            _ => Ok(()),
        }
    }
}
