//! One file as an entry of an archive.

use std::{
    fs::File,
    io::{ErrorKind, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use nix::{
    errno::Errno,
    sys::stat::{SFlag, major, minor},
    unistd::{Whence, lseek64},
};
use step07::{Node, xattr};

use crate::archive::{
    tar::{Entry, Extent, Kind, Map, Time},
    unpack::is_archived,
};

/// Bytes of holes in a file that are too many to be written out.
const HOLES: u64 = 16 << 20;

/// The entry of a file, with what its inode says.
pub fn entry(path: &Path, node: &Node) -> Result<Entry> {
    let stat = &node.stat;
    let xattrs = xattr::all(node).context("reading its attributes")?.into_iter();
    let xattrs = xattrs.filter(|(name, _)| is_archived(name));
    Ok(Entry {
        path: path.to_owned(),
        kind: kind(node)?,
        mode: node.permissions().bits(),
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: Time { seconds: stat.st_mtime, nanos: stat.st_mtime_nsec },
        xattrs: xattrs.map(|(name, value)| (name.into_encoded_bytes(), value)).collect(),
    })
}

/// The entry that says that a file is gone.
pub fn whiteout(path: PathBuf) -> Entry {
    Entry {
        path,
        kind: Kind::File { size: 0, map: None },
        mode: 0,
        uid: 0,
        gid: 0,
        mtime: Time { seconds: 0, nanos: 0 },
        xattrs: Vec::new(),
    }
}

fn kind(node: &Node) -> Result<Kind> {
    let device = || -> Result<(u32, u32)> {
        let device = node.stat.st_rdev;
        Ok((u32::try_from(major(device))?, u32::try_from(minor(device))?))
    };
    Ok(match node.file_type() {
        SFlag::S_IFREG => {
            let size = u64::try_from(node.stat.st_size)?;
            Kind::File { size, map: map(node, size)? }
        }
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFLNK => Kind::Symlink(node.target().context("reading where it leads")?),
        SFlag::S_IFCHR => device().map(|(major, minor)| Kind::Character(major, minor))?,
        SFlag::S_IFBLK => device().map(|(major, minor)| Kind::Block(major, minor))?,
        SFlag::S_IFIFO => Kind::Fifo,
        other => bail!("a file of type {other:?} cannot be in a layer"),
    })
}

/// Where a file's data is, if there is much that is none.
fn map(node: &Node, size: u64) -> Result<Option<Map>> {
    let allocated = u64::try_from(node.stat.st_blocks)? * 512;
    if allocated + HOLES > size {
        return Ok(None);
    }
    let file = node.open().context("opening it")?;
    let (mut map, mut end) = (Map::new(), 0);
    while let Some(start) = seek(&file, end, Whence::SeekData)? {
        if start >= size {
            break;
        }
        end = seek(&file, start, Whence::SeekHole)?.unwrap_or(size).min(size);
        map.push(Extent { offset: start, length: end - start });
    }
    let data: u64 = map.iter().map(|extent| extent.length).sum();
    Ok(Some(map).filter(|_| data + HOLES <= size))
}

fn seek(file: &File, from: u64, to: Whence) -> Result<Option<u64>> {
    match lseek64(file, i64::try_from(from)?, to) {
        Ok(at) => Ok(Some(u64::try_from(at)?)),
        Err(Errno::ENXIO) => Ok(None),
        Err(errno) => Err(errno).context("looking for its holes"),
    }
}

/// Hands on a file's data: all of it, or what its map says.
pub fn copy(
    node: &Node,
    size: u64,
    map: Option<&Map>,
    mut sink: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    if size == 0 {
        return Ok(());
    }
    let mut file = node.open().context("opening it")?;
    let whole = [Extent { offset: 0, length: size }];
    let mut buffer = vec![0; 128 << 10];
    for extent in map.map_or(&whole[..], Vec::as_slice) {
        file.seek(SeekFrom::Start(extent.offset)).context("reading it")?;
        let mut part = (&file).take(extent.length);
        loop {
            match part.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => sink(&buffer[..length])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("reading it"),
            }
        }
    }
    Ok(())
}
