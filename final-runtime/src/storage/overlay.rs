//! The overlay driver: a snapshot is a directory with what it has more than its parent, and the
//! kernel's union mount shows a chain of them as one.
//!
//! ```text
//! DIR/KEY/upper   what it adds; what it takes away is marked (see step 7)
//! DIR/KEY/work    the kernel's own, while it is mounted for writing
//! DIR/.empty      a directory with nothing in it, which lies below all
//! ```
//!
//! See the kernel's `filesystems/overlayfs.rst`. A file that is written to is copied whole first,
//! however little is written; what is only read is in memory once for all containers.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use nix::sys::{
    statfs::{OVERLAYFS_SUPER_MAGIC, statfs},
    statvfs::{FsFlags, fstatvfs},
};
use step07::Tree;

use super::{Access, Driver, Key, Root, Whiteouts, mounted, snapshots::sync};
use crate::store::{make_closed_dir, make_dir, remove_tree};

/// As many as the kernel takes; one is `.empty`, one the container's own.
const MAX_LAYERS: usize = 498;

/// The driver, and its directory.
pub struct Overlay(PathBuf);

impl Overlay {
    /// In the directory `dir`, which is made if it is missing.
    pub fn open(dir: PathBuf) -> Result<Self> {
        make_closed_dir(&dir)?;
        make_dir(&dir.join(".empty"))?;
        Ok(Self(dir))
    }

    /// Tries whether an overlay in `dir` can be written to. The kernel mounts some that cannot.
    pub fn probe(dir: &Path) -> Result<()> {
        ensure!(
            statfs(dir).context("looking at its file system")?.filesystem_type()
                != OVERLAYFS_SUPER_MAGIC,
            "{} is in an overlay itself",
            dir.display()
        );
        let probe = dir.join(format!(".probe-{}", std::process::id()));
        let tried = try_in(&probe);
        let removed = remove_tree(&probe);
        tried.and(removed)
    }

    fn place(&self, key: &Key) -> PathBuf {
        self.0.join(key.as_str())
    }

    fn upper(&self, key: &Key) -> PathBuf {
        self.place(key).join("upper")
    }
}

/// Two layers and one to write to.
fn try_in(probe: &Path) -> Result<()> {
    for dir in ["one", "two", "changes/upper", "changes/work"] {
        fs::create_dir_all(probe.join(dir)).with_context(|| format!("making {dir}"))?;
    }
    let (lower, changes) = (vec![probe.join("one"), probe.join("two")], probe.join("changes"));
    mounted::in_namespaces(move || {
        let root = mounted::mount_overlay(&lower, Some(&changes), Access::Write)?;
        let flags = fstatvfs(&root).context("looking at an overlay")?.flags();
        ensure!(
            !flags.contains(FsFlags::ST_RDONLY),
            "the file system here cannot hold the changes of an overlay: it lacks d_type, rename \
             with whiteouts, or extended attributes"
        );
        Ok(())
    })
}

impl Driver for Overlay {
    fn name(&self) -> &'static str {
        "overlay"
    }

    fn prepare(&self, key: &Key, parent: Option<&Key>) -> Result<()> {
        make_dir(&self.place(key))?;
        let upper = self.upper(key);
        let made = DirBuilder::new().mode(0o755).create(&upper);
        made.with_context(|| format!("making {}", upper.display()))?;
        // The topmost directory is the one whose owner and mode count. (Another owner than oneself
        // an ordinary user cannot give.)
        if let Some(parent) = parent {
            let (from, to) = (Tree::open(&self.upper(parent))?, Tree::open(&self.place(key))?);
            let _ = to.copy_attributes(&from.root()?, Path::new("upper"));
        }
        Ok(())
    }

    fn root(&self, chain: &[Key], access: Access) -> Result<Root> {
        ensure!(
            chain.len() <= MAX_LAYERS,
            "{} layers are more than the {MAX_LAYERS} that the kernel takes",
            chain.len()
        );
        // ANCHOR: exercise-8-4
        let (own, below) = match access {
            Access::Read => (None, chain),
            Access::Write => (chain.first().map(|key| self.place(key)), &chain[1..]),
        };
        let layers = below.iter().rev().map(|key| self.upper(key));
        Ok(Root::Overlay {
            lower: [self.0.join(".empty")].into_iter().chain(layers).collect(),
            changes: own,
        })
        // ANCHOR_END: exercise-8-4
    }

    fn staging(&self, chain: &[Key]) -> Result<(Root, Whiteouts)> {
        let (key, below) = chain.split_first().context("there is no such snapshot")?;
        let below = below.iter().map(|key| self.upper(key)).collect();
        Ok((Root::Directory(self.upper(key)), Whiteouts::Mark { below }))
    }

    fn seal(&self, key: &Key) -> Result<()> {
        remove_tree(&self.place(key).join("work"))?;
        sync(&self.place(key))
    }

    fn remove(&self, key: &Key) -> Result<()> {
        remove_tree(&self.place(key))
    }

    fn changes(&self, key: &Key) -> Option<PathBuf> {
        Some(self.upper(key))
    }

    fn usage(&self, key: &Key) -> Result<u64> {
        super::usage::of_tree(&self.place(key))
    }

    fn keys(&self) -> Result<Vec<Key>> {
        super::usage::keys_in(&self.0)
    }
}
