//! The vfs driver: a snapshot is a directory with a copy of all that its parent has.
//!
//! It works on every file system and needs no mount at all; what it costs is time and space, unless
//! the file system can share blocks between files (btrfs, xfs), where a copy costs neither. Being so
//! simple it is what the other drivers are compared with. See FICLONE in ioctl_ficlone(2).

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use step07::{Marks, Tree, Union};

use super::{Access, Driver, Key, Root, mounted, snapshots::sync, usage};
use crate::store::{make_closed_dir, make_dir, remove_tree};

/// The driver, and its directory.
pub struct Vfs(PathBuf);

impl Vfs {
    /// In the directory `dir`, which is made if it is missing.
    pub fn open(dir: PathBuf) -> Result<Self> {
        make_closed_dir(&dir)?;
        make_dir(&dir.join(".empty"))?;
        Ok(Self(dir))
    }

    fn place(&self, key: &Key) -> PathBuf {
        self.0.join(key.as_str())
    }
}

impl Driver for Vfs {
    fn name(&self) -> &'static str {
        "vfs"
    }

    fn prepare(&self, key: &Key, parent: Option<&Key>) -> Result<()> {
        let place = self.place(key);
        let Some(parent) = parent else {
            let made = DirBuilder::new().mode(0o755).create(&place);
            return made.with_context(|| format!("making {}", place.display()));
        };
        let (from, nothing) = (self.place(parent), self.0.join(".empty"));
        let copy = move || copy(&from, &nothing, &place);
        if mounted::powerful()? { copy() } else { mounted::in_namespaces(copy) }
    }

    fn root(&self, chain: &[Key], _access: Access) -> Result<Root> {
        let key = chain.first().context("there is no such snapshot")?;
        Ok(Root::Directory(self.place(key)))
    }

    fn seal(&self, key: &Key) -> Result<()> {
        sync(&self.place(key))
    }

    fn remove(&self, key: &Key) -> Result<()> {
        remove_tree(&self.0.join(format!(".{key}.part")))?; // a copy that was not finished
        remove_tree(&self.place(key))
    }

    fn usage(&self, key: &Key) -> Result<u64> {
        usage::of_tree(&self.place(key))
    }

    fn keys(&self) -> Result<Vec<Key>> {
        usage::keys_in(&self.0)
    }
}

/// To copy a tree is to commit what it has more than nothing.
fn copy(from: &Path, nothing: &Path, to: &Path) -> Result<()> {
    let union =
        Union { lower: Tree::open(nothing)?, upper: Tree::open(from)?, marks: Marks::Trusted };
    union.commit(to)
}
