//! What a container changed, as `docker diff` tells it.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    io::{self, BufRead, BufReader},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::sys::stat::SFlag;

use crate::{Entry, Node, Union, whiteout, xattr};

/// One path that is not as the layers have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Absolute, as the container sees it.
    pub path: PathBuf,
    /// In what way.
    pub kind: Kind,
}

/// How a path differs from what the layers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It is new.
    Added,
    /// Its content, owner, mode, time or attributes are others, or it is of another type, or it is
    /// a directory in which something changed.
    Changed,
    /// It is gone, with all that was in it.
    Deleted,
}

impl Union {
    /// All changes, sorted by path, what is in a directory right after it. A file that was copied
    /// up and is still the same is none.
    pub fn diff(&self) -> Result<Vec<Change>> {
        self.changes(false)
    }

    /// The same where the upper is no overlay's, but a tree of its own that began as the lower one.
    pub fn diff_whole(&self) -> Result<Vec<Change>> {
        self.changes(true)
    }

    fn changes(&self, whole: bool) -> Result<Vec<Change>> {
        let mut kinds = BTreeMap::new();
        let note = |entry: Entry| {
            let compared =
                kind(&entry).with_context(|| format!("comparing {}", entry.path.display()));
            let Some(kind) = compared? else { return Ok(()) };
            // Where a directory is told of already, so are those above it.
            let parents = entry.path.ancestors().skip(1);
            for parent in parents.take_while(|dir| !dir.as_os_str().is_empty()) {
                if kinds.contains_key(parent) {
                    break;
                }
                kinds.insert(parent.to_owned(), Kind::Changed);
            }
            kinds.insert(entry.path, kind);
            Ok(())
        };
        if whole { self.walk_whole(note) } else { self.walk(note) }?;
        let change = |(path, kind)| Change { path: Path::new("/").join(path), kind };
        Ok(kinds.into_iter().map(change).collect())
    }
}

/// In what way a path differs from what the layers have there, if it does.
fn kind(Entry { now, before, .. }: &Entry) -> Result<Option<Kind>> {
    // ANCHOR: exercise-7-5
    Ok(match (now, before) {
        (Some(_), None) => Some(Kind::Added),
        (None, _) => Some(Kind::Deleted),
        (Some(now), Some(before)) if same(now, before)? => None,
        (Some(_), Some(_)) => Some(Kind::Changed),
    })
    // ANCHOR_END: exercise-7-5
}

/// Whether a person would find no difference between two files. What is in a directory, and how
/// many names a file has, is not asked.
pub fn same(a: &Node, b: &Node) -> Result<bool> {
    let shape = |node: &Node| {
        let stat = &node.stat;
        (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_rdev, stat.st_mtime, stat.st_mtime_nsec)
    };
    if shape(a) != shape(b) || attributes(a)? != attributes(b)? {
        return Ok(false);
    }
    match a.file_type() {
        SFlag::S_IFREG => Ok(a.stat.st_size == b.stat.st_size && same_content(a, b)?),
        SFlag::S_IFLNK => Ok(a.target()? == b.target()?),
        _ => Ok(true),
    }
}

fn attributes(node: &Node) -> Result<xattr::Attributes> {
    let mut all = xattr::all(node)?;
    all.retain(|name, _| !whiteout::is_overlays(name));
    Ok(all)
}

fn same_content(a: &Node, b: &Node) -> io::Result<bool> {
    let (mut a, mut b) = (BufReader::new(a.open()?), BufReader::new(b.open()?));
    loop {
        let (left, right) = (a.fill_buf()?, b.fill_buf()?);
        let length = left.len().min(right.len());
        if left[..length] != right[..length] {
            return Ok(false);
        }
        if length == 0 {
            return Ok(left.len() == right.len());
        }
        a.consume(length);
        b.consume(length);
    }
}

/// As in `C /etc/passwd`. One line whatever the name: control characters, backslashes and what is
/// not UTF-8 are written as in `/proc/mounts`, as a backslash and three octal digits a byte.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Added => "A ",
            Kind::Changed => "C ",
            Kind::Deleted => "D ",
        })?;
        for chunk in self.path.as_os_str().as_bytes().utf8_chunks() {
            for c in chunk.valid().chars() {
                if c == '\\' || c.is_control() {
                    octal(f, c.encode_utf8(&mut [0; 4]).as_bytes())?;
                } else {
                    f.write_char(c)?;
                }
            }
            octal(f, chunk.invalid())?;
        }
        Ok(())
    }
}

fn octal(f: &mut fmt::Formatter, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\{byte:03o}"))
}
