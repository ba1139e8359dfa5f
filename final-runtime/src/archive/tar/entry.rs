//! One file of an archive, from all the headers before it.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use super::{
    header::{Dialect, Header},
    pax::Extended,
    sparse::Map,
};
use crate::archive::Limits;

/// One file.
#[derive(Debug)]
pub struct Entry {
    /// Where it belongs: relative, without `.` and `..`, and empty for the root.
    pub path: PathBuf,
    /// Of which type it is.
    pub kind: Kind,
    /// The permission bits, with set-user-ID, set-group-ID and sticky.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// When its content was changed.
    pub mtime: Time,
    /// Extended attributes, by name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A time since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// May be negative.
    pub seconds: i64,
    /// Counts forward, also before 1970.
    pub nanos: i64,
}

/// The type of a file, and what only this type has.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file. Its data follows.
    File {
        /// Bytes.
        size: u64,
        /// Where its data belongs, if it has holes.
        map: Option<Map>,
    },
    /// Another name for the file at a path, which is of the same sort as [`Entry::path`].
    Link(PathBuf),
    /// A symbolic link with this target, whatever that is.
    Symlink(OsString),
    /// A directory.
    Directory,
    /// A character device, by major and minor number.
    Character(u32, u32),
    /// A block device, by major and minor number.
    Block(u32, u32),
    /// A named pipe.
    Fifo,
}

impl Kind {
    /// Bytes of data that are in the archive.
    pub fn data(&self) -> u64 {
        match self {
            Self::File { map: Some(map), .. } => map.iter().map(|extent| extent.length).sum(),
            Self::File { size, map: None } => *size,
            _ => 0,
        }
    }
}

/// What headers before an entry's own have said of it.
#[derive(Default)]
pub struct Extensions {
    /// POSIX's.
    pub pax: Option<Extended>,
    /// GNU's, a path that is too long for a header.
    pub path: Option<Vec<u8>>,
    /// GNU's, a link's target that is too long for a header.
    pub link: Option<Vec<u8>>,
}

impl Extensions {
    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.pax.is_none() && self.path.is_none() && self.link.is_none()
    }
}

/// An entry, and the bytes of it that are in the archive. A map that is in them is still to come.
pub struct Raw {
    pub entry: Entry,
    pub archived: u64,
}

impl Raw {
    /// Puts together what the headers say.
    pub fn new(header: &Header, extensions: Extensions, limits: &Limits) -> Result<Self> {
        let Extensions { pax, path, link } = extensions;
        let mut pax = pax.unwrap_or_default();
        let path = pax.sparse.path.take().or(pax.path.take()).or(path);
        let path = path.unwrap_or_else(|| header.path());
        let named = || format!("{:?}", OsStr::from_bytes(&path));
        let link = pax.link.take().or(link).unwrap_or_else(|| header.link());
        let size = pax.size.map_or_else(|| header.size(), Ok).with_context(named)?;
        let kind = kind(header, &path, link, size, limits).with_context(named)?;
        let place = clean(&path, limits).with_context(named)?;
        let root = place.as_os_str().is_empty();
        ensure!(!root || kind == Kind::Directory, "{}: the root is a directory", named());
        let sparse = pax.sparse.size().with_context(named)?;
        let file = matches!(kind, Kind::File { .. });
        ensure!(size == 0 || file, "{}: it is no regular file, and has a content", named());
        ensure!(sparse.is_none() || file, "{}: it is no regular file, and has holes", named());
        Ok(Self {
            entry: Entry {
                kind: match sparse {
                    Some(size) => Kind::File { size, map: Some(Map::new()) },
                    None => kind,
                },
                mode: header.mode().with_context(named)?,
                uid: id(pax.uid.map_or_else(|| header.uid(), Ok)).with_context(named)?,
                gid: id(pax.gid.map_or_else(|| header.gid(), Ok)).with_context(named)?,
                mtime: match pax.mtime {
                    Some(time) => time,
                    None => Time { seconds: header.mtime().with_context(named)?, nanos: 0 },
                },
                xattrs: pax.xattrs,
                path: place,
            },
            archived: size,
        })
    }
}

fn kind(header: &Header, path: &[u8], link: Vec<u8>, size: u64, limits: &Limits) -> Result<Kind> {
    let type_ = header.type_();
    let slash = path.ends_with(b"/") || path.ends_with(b"/.");
    let old = header.dialect() == Dialect::Old;
    Ok(match type_ {
        // Before there were types for directories, they were known by their names.
        0 if slash && old => Kind::Directory,
        b'5' => Kind::Directory,
        _ if slash => bail!("its name is a directory's, and its type is not"),
        0 | b'0' | b'7' => Kind::File { size, map: None },
        b'S' if header.dialect() == Dialect::Gnu => Kind::File { size, map: None },
        b'1' => Kind::Link(clean(&link, limits).context("what it is a link to")?),
        b'2' => Kind::Symlink(target(link, limits)?),
        b'3' | b'4' => {
            let (major, minor) = device(header)?;
            match type_ {
                b'3' => Kind::Character(major, minor),
                _ => Kind::Block(major, minor),
            }
        }
        b'6' => Kind::Fifo,
        _ => bail!("it is of an unknown type, {:?}", char::from(type_)),
    })
}

/// 32 bits, of which the highest number means nobody.
fn id(id: Result<u64>) -> Result<u32> {
    let id = id?;
    let known = u32::try_from(id).ok().filter(|id| *id != u32::MAX);
    known.with_context(|| format!("{id} is no id of a user or a group"))
}

/// The kernel has 12 bits for the one and 20 for the other.
fn device(header: &Header) -> Result<(u32, u32)> {
    let (major, minor) = header.device()?;
    ensure!(major < 1 << 12 && minor < 1 << 20, "{major}:{minor} is no device");
    // Overlay would take it for a mark of its own, and other drivers would not.
    ensure!((major, minor) != (0, 0), "a device 0:0 is what marks a file as gone");
    Ok((u32::try_from(major)?, u32::try_from(minor)?))
}

fn target(link: Vec<u8>, limits: &Limits) -> Result<OsString> {
    ensure!(!link.is_empty(), "it is a symbolic link to nothing");
    ensure!(link.len() <= limits.path, "its target has more than {} bytes", limits.path);
    Ok(OsString::from_vec(link))
}

/// A path beneath the root. As in every other program, `/a` and `./a` are `a`.
fn clean(path: &[u8], limits: &Limits) -> Result<PathBuf> {
    ensure!(!path.is_empty(), "an empty path");
    ensure!(path.len() <= limits.path, "its path has more than {} bytes", limits.path);
    let mut clean = PathBuf::new();
    let mut depth = 0;
    for component in Path::new(OsStr::from_bytes(path)).components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::RootDir | Component::CurDir => continue,
            Component::ParentDir | Component::Prefix(_) => bail!("a path with `..` in it"),
        }
        depth += 1;
        ensure!(depth <= limits.depth, "it is in more than {} directories", limits.depth);
    }
    Ok(clean)
}
