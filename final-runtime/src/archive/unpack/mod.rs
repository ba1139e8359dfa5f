//! An archive as files.
//!
//! One pass: each entry goes to its place when it is read. Only directories get their owners, modes
//! and times at the end: a mode could forbid to write to them, and writing changes the time.
//!
//! | file | subject |
//! | --- | --- |
//! | `attributes.rs` | owners, modes, times, extended attributes |
//! | `below.rs` | what the layers below an overlay's have |
//! | `place.rs` | paths beneath the directory |
//! | `remove.rs` | removing trees |
//! | `whiteouts.rs` | what is gone |

mod attributes;
mod below;
mod place;
mod remove;
mod whiteouts;

use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
    io::{BufRead, Write},
    os::{fd::AsFd, unix::fs::FileExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    fcntl::{AT_FDCWD, AtFlags, OFlag, openat},
    sys::stat::{Mode, SFlag, makedev, mknodat},
    unistd::{linkat, symlinkat},
};
use step07::{Marks, Tree};

use super::{
    Limits,
    tar::{Archive, Entry, Kind, Map},
};
pub use attributes::is_archived;
use place::Place;
use whiteouts::Meaning;

/// How an archive is to become files.
#[derive(Debug)]
pub struct Options<'a> {
    /// What is done about what the layer says is gone.
    pub whiteouts: Whiteouts<'a>,
    /// Whose the files are.
    pub owners: Owners,
    /// What is done about devices.
    pub devices: Devices,
    /// Which extended attributes are a must.
    pub attributes: Attributes,
    /// How much the layer may take.
    pub limits: Limits,
}

/// What is done about what a layer says is gone.
#[derive(Clone, Copy, Debug)]
pub enum Whiteouts<'a> {
    /// It is marked so for an overlay. The directory is for this layer alone.
    Overlay {
        /// In which dialect.
        marks: Marks,
        /// The layers below, the topmost first, marked in the same dialect. From them comes what a
        /// layer does not say: how a directory is that has no entry, what an opaque root hides.
        below: &'a [Tree],
    },
    /// It is removed. The directory has the files of the layers below.
    Apply,
}

/// Whose the files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// Those whom the archive names, by number. In a user namespace they must be mapped.
    Archived,
    /// Whoever unpacks.
    Ours,
}

/// What is done about devices. In a user namespace there is no choice: mknod(2) fails with EPERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// They are made.
    Make,
    /// They are not, nor is anything else in their places, where nothing of the layers below is
    /// left either.
    Skip,
}

/// Which extended attributes are a must. Never set are overlay's own and the labels of a security
/// module, which are the host's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attributes {
    /// All.
    All,
    /// Those that this user may set on this file system; the others are left out.
    Permitted,
}

/// What has been unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Bytes in files, without holes.
    pub bytes: u64,
    /// Entries of the archive.
    pub entries: u64,
}

/// Unpacks an archive into the directory `root`, to its end.
///
/// An entry goes where its path leads beneath `root`, and no symbolic link is followed on the way:
/// - One that this layer has made is an error. So is any other file there that is no directory.
/// - One that a layer below has left is replaced by a directory. Overlay does the same, so every
///   driver shows the same files.
///
/// After an error the directory is to be removed: there is a part of the layer in it.
pub fn unpack(archive: impl BufRead, root: impl AsFd, options: &Options) -> Result<Unpacked> {
    let mut archive = Archive::new(archive, &options.limits);
    let unpack = || -> Result<Unpacked> {
        let mut unpacking = Unpacking::new(root, options)?;
        while let Some(entry) = archive.next()? {
            unpacking.entry(entry, &mut archive)?;
        }
        unpacking.finish()
    };
    unpack().context("archive: unpacking")
}

impl<'a> Options<'a> {
    /// As the archive has it, within the usual limits.
    pub fn new(whiteouts: Whiteouts<'a>) -> Self {
        Self {
            whiteouts,
            owners: Owners::Archived,
            devices: Devices::Make,
            attributes: Attributes::All,
            limits: Limits::default(),
        }
    }

    /// As far as root of a user namespace can do it: without devices, and without the attributes
    /// that only the host's root may set.
    pub fn rootless(whiteouts: Whiteouts<'a>) -> Self {
        let (devices, attributes) = (Devices::Skip, Attributes::Permitted);
        Self { devices, attributes, ..Self::new(whiteouts) }
    }
}

struct Unpacking<'a> {
    options: &'a Options<'a>,
    place: Place<'a>,
    /// What is still to be done for directories, by path.
    directories: BTreeMap<PathBuf, Entry>,
    /// Devices that were not made.
    skipped: HashSet<PathBuf>,
    unpacked: Unpacked,
}

impl<'a> Unpacking<'a> {
    fn new(root: impl AsFd, options: &'a Options<'a>) -> Result<Self> {
        let root = root.as_fd().try_clone_to_owned().context("opening its directory")?;
        Ok(Self {
            options,
            place: Place::new(Tree::new(root, Path::new("")), options),
            directories: BTreeMap::new(),
            skipped: HashSet::new(),
            unpacked: Unpacked { bytes: 0, entries: 0 },
        })
    }

    fn entry<R: BufRead>(&mut self, entry: Entry, archive: &mut Archive<R>) -> Result<()> {
        self.place.count()?;
        self.unpacked.entries += 1;
        let named = format!("{:?}", entry.path);
        let done = match Meaning::of(&entry) {
            Ok(Meaning::File) => self.file(entry, archive),
            Ok(Meaning::Gone(path)) => self.place.gone(&path),
            Ok(Meaning::Opaque(dir)) => self.place.opaque(&dir),
            Ok(Meaning::Nothing) => Ok(()),
            Err(error) => Err(error),
        };
        done.context(named)
    }

    fn file<R: BufRead>(&mut self, entry: Entry, archive: &mut Archive<R>) -> Result<()> {
        let path = &entry.path;
        match &entry.kind {
            Kind::Directory => {
                self.place.directory(path)?;
                self.directories.insert(path.clone(), entry);
                return Ok(());
            }
            Kind::File { size, map } => return self.regular(&entry, *size, map.as_ref(), archive),
            Kind::Link(target) => return self.link(path, target),
            Kind::Symlink(target) => {
                self.place.make(path, |dir, name| symlinkat(target.as_os_str(), dir, name))?;
            }
            Kind::Fifo => self.node(path, SFlag::S_IFIFO, 0)?,
            Kind::Character(..) | Kind::Block(..) if self.options.devices == Devices::Skip => {
                self.skipped.insert(path.clone());
                return self.place.leave_out(path);
            }
            Kind::Character(major, minor) => {
                self.node(path, SFlag::S_IFCHR, makedev((*major).into(), (*minor).into()))?;
            }
            Kind::Block(major, minor) => {
                self.node(path, SFlag::S_IFBLK, makedev((*major).into(), (*minor).into()))?;
            }
        }
        attributes::set(&mut self.place, &entry, self.options)
    }

    fn node(&mut self, path: &Path, type_: SFlag, device: u64) -> Result<()> {
        let none = Mode::empty();
        self.place.make(path, |dir, name| mknodat(dir, name, type_, none, device))
    }

    fn regular<R: BufRead>(
        &mut self,
        entry: &Entry,
        size: u64,
        map: Option<&Map>,
        archive: &mut Archive<R>,
    ) -> Result<()> {
        // Without O_EXCL it could be a file that is there already, by another of its names.
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let file = self.place.make(&entry.path, |dir, name| openat(dir, name, flags, mode))?;
        let mut file = File::from(file);
        match map {
            None => archive.data(size, |piece| file.write_all(piece).context("writing it"))?,
            Some(map) => write_extents(&file, size, map, archive)?,
        }
        self.unpacked.bytes += entry.kind.data();
        attributes::set_open(&self.place, &file, entry, self.options)
    }

    /// What is linked has its attributes already.
    fn link(&mut self, path: &Path, target: &Path) -> Result<()> {
        ensure!(path != target, "a link to itself");
        if self.skipped.contains(target) {
            self.skipped.insert(path.to_owned());
            return self.place.leave_out(path);
        }
        let Some(file) = self.place.own(target)? else {
            bail!("it is a link to {target:?}, which is not in this layer");
        };
        ensure!(!file.is_dir(), "it is a link to {target:?}, which is a directory");
        let file = file.proc_path();
        self.place.make(path, |dir, name| {
            linkat(AT_FDCWD, &file, dir, name, AtFlags::AT_SYMLINK_FOLLOW) // of /proc's alone
        })
    }

    fn finish(mut self) -> Result<Unpacked> {
        self.place.finish()?;
        // What a directory is like below must not be in the way of what is in it.
        for (path, implied) in self.place.take_implied() {
            self.directories.entry(path).or_insert(implied);
        }
        for (path, entry) in self.directories.iter().rev() {
            let set = attributes::set_directory(&mut self.place, entry, self.options);
            set.with_context(|| format!("{path:?}"))?;
        }
        Ok(self.unpacked)
    }
}

/// Writes what is data and leaves out what is a hole.
fn write_extents<R: BufRead>(
    file: &File,
    size: u64,
    map: &Map,
    archive: &mut Archive<R>,
) -> Result<()> {
    for extent in map {
        let mut at = extent.offset;
        archive.data(extent.length, |piece| {
            file.write_all_at(piece, at).context("writing it")?;
            at += piece.len() as u64;
            Ok(())
        })?;
    }
    file.set_len(size).context("setting its size")
}
