//! The btrfs driver: a snapshot is a subvolume, which begins as a snapshot of its parent and shares
//! all blocks with it that nobody has written to since.
//!
//! ```text
//! DIR/KEY   a subvolume, read-only once it is sealed
//! ```
//!
//! What it costs does not depend on how much is in a snapshot. But files of two subvolumes are two
//! files, also where their blocks are the same: the kernel keeps each in memory by itself. See
//! btrfs(5), btrfs-subvolume(8).

mod ioctl;

use std::{
    ffi::OsStr,
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    errno::Errno,
    sys::statfs::{BTRFS_SUPER_MAGIC, statfs},
};
use step07::Tree;

use super::{Access, Driver, Key, Root, extents, snapshots::sync, usage};
use crate::store::{make_closed_dir, remove_tree};

/// The driver, and its directory.
pub struct Btrfs(PathBuf);

impl Btrfs {
    /// In the directory `dir`, which is made if it is missing.
    pub fn open(dir: PathBuf) -> Result<Self> {
        make_closed_dir(&dir)?;
        is_btrfs(&dir)?;
        Ok(Self(dir))
    }

    /// Tries whether subvolumes can be made in `dir`.
    pub fn probe(dir: &Path) -> Result<()> {
        is_btrfs(dir)?;
        let name = format!(".probe-{}", std::process::id());
        create(dir, name.as_ref())?;
        remove(dir, name.as_ref())
    }

    fn place(&self, key: &Key) -> PathBuf {
        self.0.join(key.as_str())
    }
}

fn is_btrfs(dir: &Path) -> Result<()> {
    let kind = statfs(dir).with_context(|| format!("looking at {}", dir.display()))?;
    let btrfs = kind.filesystem_type() == BTRFS_SUPER_MAGIC;
    ensure!(btrfs, "{} is not on btrfs", dir.display());
    Ok(())
}

impl Driver for Btrfs {
    fn name(&self) -> &'static str {
        "btrfs"
    }

    fn prepare(&self, key: &Key, parent: Option<&Key>) -> Result<()> {
        let name = key.as_str().as_ref();
        let Some(parent) = parent else { return create(&self.0, name) };
        let (dir, source) = (open(&self.0)?, open(&self.place(parent))?);
        ioctl::snapshot(source, dir, name)
            .with_context(|| format!("making a snapshot of the subvolume {parent}"))
    }

    fn root(&self, chain: &[Key], _access: Access) -> Result<Root> {
        let key = chain.first().context("there is no such snapshot")?;
        Ok(Root::Directory(self.place(key)))
    }

    fn seal(&self, key: &Key) -> Result<()> {
        sync(&self.place(key))?;
        let sealed = ioctl::set_read_only(open(&self.place(key))?, true);
        sealed.with_context(|| format!("making the subvolume {key} read-only"))
    }

    fn remove(&self, key: &Key) -> Result<()> {
        remove(&self.0, key.as_str().as_ref())
    }

    fn usage(&self, key: &Key) -> Result<u64> {
        usage::counted(&self.place(key), extents::unshared)
    }

    fn keys(&self) -> Result<Vec<Key>> {
        usage::keys_in(&self.0)
    }
}

fn open(dir: &Path) -> Result<File> {
    File::open(dir).with_context(|| format!("opening {}", dir.display()))
}

fn create(dir: &Path, name: &OsStr) -> Result<()> {
    let making = || format!("making a subvolume in {}", dir.display());
    ioctl::create(open(dir)?, name).with_context(making)?;
    // The mode that it has now depends on the umask.
    fs::set_permissions(dir.join(name), Permissions::from_mode(0o755)).with_context(making)
}

/// Removes a subvolume, with those that a container has made in it.
fn remove(dir: &Path, name: &OsStr) -> Result<()> {
    let place = dir.join(name);
    if !place.exists() {
        return Ok(());
    }
    let removing = || format!("removing the subvolume {}", place.display());
    match destroy_all(&place, dir, name) {
        Err(Errno::EPERM) => {} // only root may, unless the file system is mounted to allow it
        done => return done.with_context(removing),
    }
    // What is empty, rmdir(2) removes for anybody.
    ioctl::set_read_only(open(&place)?, false).with_context(removing)?;
    remove_tree(&place)
}

fn destroy_all(place: &Path, dir: &Path, name: &OsStr) -> nix::Result<()> {
    let dir = File::open(dir).map_err(errno)?;
    match ioctl::destroy(&dir, name) {
        Err(Errno::ENOTEMPTY) => {}
        done => return done,
    }
    ioctl::set_read_only(File::open(place).map_err(errno)?, false)?;
    for nested in nested(place).map_err(|_| Errno::EIO)? {
        let (Some(above), Some(name)) = (nested.parent(), nested.file_name()) else { continue };
        // Not by a path of the host: a container may have had links there.
        let tree = Tree::open(place).map_err(|_| Errno::EIO)?;
        let node = tree.node(above).ok().flatten().ok_or(Errno::ENOENT)?;
        ioctl::destroy(File::open(node.proc_path()).map_err(errno)?, name)?;
    }
    ioctl::destroy(dir, name)
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

/// The subvolumes in a subvolume, those in others first; relative paths.
fn nested(place: &Path) -> Result<Vec<PathBuf>> {
    let tree = Tree::open(place)?;
    let (mut found, mut todo) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(path) = todo.pop() {
        for name in tree.names(&path)? {
            let path = path.join(name);
            let Some(node) = tree.node(&path)? else { bail!("{} has vanished", path.display()) };
            if node.is_dir() {
                if ioctl::is_root(&node.stat) {
                    found.push(path.clone());
                }
                todo.push(path);
            }
        }
    }
    found.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    Ok(found)
}
