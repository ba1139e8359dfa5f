//! Where the data of a file is on the disk, and whether it is there for others too.
//!
//! See the kernel's `filesystems/fiemap.rst`.

use std::{
    fs::{self, File},
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::Path,
};

use anyhow::{Context, Result};

/// A run of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// In bytes.
    pub length: u64,
    /// Whether another file, or another snapshot of this one, has it as well.
    pub shared: bool,
}

/// How many are asked for at a time.
const ROOM: usize = 128;

/// `struct fiemap_extent`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RawExtent {
    logical: u64,
    physical: u64,
    length: u64,
    reserved: [u64; 2],
    flags: u32,
    reserved_too: [u32; 3],
}

/// `struct fiemap`, and room for what it finds.
#[repr(C)]
struct Map {
    start: u64,
    length: u64,
    flags: u32,
    mapped: u32,
    room: u32,
    reserved: u32,
    extents: [RawExtent; ROOM],
}

const FLAG_SYNC: u32 = 1;
const LAST: u32 = 0x1;
const SHARED: u32 = 0x2000;
/// `FS_IOC_FIEMAP`, `_IOWR('f', 11, struct fiemap)`: the size in it is that of the head alone.
const FIEMAP: libc::Ioctl = nix::request_code_readwrite!(b'f', 11, 32);

/// The extents of a regular file, in order; what is not on the disk yet is written first.
pub fn of(file: &File) -> nix::Result<Vec<Extent>> {
    let mut all: Vec<Extent> = Vec::new();
    loop {
        let start = all.last().map_or(0, |extent| extent.offset + extent.length);
        let mut map = Map {
            start,
            length: u64::MAX - start,
            flags: FLAG_SYNC,
            mapped: 0,
            room: u32::try_from(ROOM).expect("it is small"),
            reserved: 0,
            extents: [RawExtent::default(); ROOM],
        };
        // SAFETY: the kernel reads and writes one `Map`, of whose room it is told.
        let result = unsafe { libc::ioctl(file.as_raw_fd(), FIEMAP, &raw mut map) };
        nix::errno::Errno::result(result)?;
        let found = &map.extents[..usize::try_from(map.mapped).unwrap_or(0).min(ROOM)];
        all.extend(found.iter().map(|raw| Extent {
            offset: raw.logical,
            length: raw.length,
            shared: raw.flags & SHARED != 0,
        }));
        if found.last().is_none_or(|raw| raw.flags & LAST != 0) {
            return Ok(all);
        }
    }
}

/// Bytes in all files below `dir` that no other file has as well. Files that may not be opened, and
/// what else a file system keeps, are not counted.
pub fn unshared(dir: &Path) -> Result<u64> {
    let (mut bytes, mut todo) = (0, vec![dir.to_owned()]);
    while let Some(path) = todo.pop() {
        let reading = || format!("reading {}", path.display());
        let meta = path.symlink_metadata().with_context(reading)?;
        if meta.is_dir() {
            for entry in fs::read_dir(&path).with_context(reading)? {
                todo.push(entry.with_context(reading)?.path());
            }
        } else if meta.is_file() && meta.blocks() > 0 {
            let mut options = File::options();
            options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NOATIME);
            let file = options.open(&path).with_context(reading)?;
            let own = of(&file).with_context(reading)?.into_iter().filter(|one| !one.shared);
            bytes += own.map(|extent| extent.length).sum::<u64>();
        }
    }
    Ok(bytes)
}
