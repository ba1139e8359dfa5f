//! Paths beneath the directory that is unpacked into.
//!
//! Most entries are in the directory of the one before them: it is kept open, so that a new file
//! takes one system call, whatever the depth.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsStr,
    mem,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    rc::Rc,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    errno::Errno,
    sys::stat::{Mode, SFlag, mkdirat},
    unistd::{UnlinkatFlags, unlinkat},
};
use step07::{Node, Tree};

use super::{Options, Whiteouts, below, remove::remove};
use crate::archive::tar::Entry;

/// The directory, and what is known of what is in it.
pub struct Place<'a> {
    pub(super) tree: Tree,
    pub(super) whiteouts: Whiteouts<'a>,
    /// The directory that was last asked for.
    parent: Option<(PathBuf, Rc<Node>)>,
    /// What this layer has made, where there is also what others have.
    pub(super) made: HashSet<PathBuf>,
    /// Directories that no entry has asked for, and how they are to be.
    implied: BTreeMap<PathBuf, Entry>,
    /// Entries, and directories that none has asked for.
    inodes: u64,
    limit: u64,
    /// Whether nothing of the layers below is to be seen.
    pub(super) opaque: bool,
}

impl<'a> Place<'a> {
    /// Nothing is made yet.
    pub fn new(tree: Tree, options: &Options<'a>) -> Self {
        Self {
            tree,
            whiteouts: options.whiteouts,
            parent: None,
            made: HashSet::new(),
            implied: BTreeMap::new(),
            inodes: 0,
            limit: options.limits.entries,
            opaque: false,
        }
    }

    /// Counts what takes an inode.
    pub fn count(&mut self) -> Result<()> {
        self.inodes += 1;
        ensure!(self.inodes <= self.limit, "the layer has more than {} files", self.limit);
        Ok(())
    }

    /// Makes a file, in place of what is there.
    pub fn make<T>(
        &mut self,
        path: &Path,
        make: impl Fn(BorrowedFd, &OsStr) -> nix::Result<T>,
    ) -> Result<T> {
        let (dir, name) = self.parent(path)?;
        let made = match make(dir.as_fd(), name) {
            Err(Errno::EEXIST) => {
                self.remove(path, |_| false)?;
                make(dir.as_fd(), name)
            }
            made => made,
        };
        let made = made.context("making it")?;
        self.note(path);
        Ok(made)
    }

    /// Makes a directory, if there is none, in place of what is there.
    pub fn directory(&mut self, path: &Path) -> Result<()> {
        let (dir, name) = self.parent(path)?;
        match mkdirat(dir.as_fd(), name, Mode::S_IRWXU) {
            Err(Errno::EEXIST) => {
                let there = self.tree.node(path)?;
                if !there.is_some_and(|there| there.is_dir()) {
                    self.replace_by_directory(path, &dir, name)?;
                }
            }
            made => made.context("making it")?,
        }
        self.note(path);
        Ok(())
    }

    /// The file at `path`, if this layer has made one.
    pub fn own(&self, path: &Path) -> Result<Option<Node>> {
        if !self.is_own(path) {
            return Ok(None);
        }
        let node = self.tree.node(path)?;
        Ok(node.filter(|node| !is_mark(node)))
    }

    /// The directory that `path` is in, and its name there. What is missing of the way to it is
    /// made.
    pub fn parent<'p>(&mut self, path: &'p Path) -> Result<(Rc<Node>, &'p OsStr)> {
        let name = path.file_name().unwrap_or(OsStr::new("."));
        let dir = path.parent().unwrap_or(path);
        if let Some((known, node)) = &self.parent
            && known == dir
        {
            return Ok((node.clone(), name));
        }
        let node = match self.tree.node(dir)? {
            Some(node) if node.is_dir() => node,
            _ => self.make_parents(dir)?,
        };
        let node = Rc::new(node);
        self.parent = Some((dir.to_owned(), node.clone()));
        Ok((node, name))
    }

    /// Whether this layer has made what is at `path`. In an overlay's layer there is nothing else.
    pub fn is_own(&self, path: &Path) -> bool {
        match self.whiteouts {
            Whiteouts::Overlay { .. } => true,
            Whiteouts::Apply => self.made.contains(path),
        }
    }

    /// How the directories are to be that had to be made without an entry.
    pub fn take_implied(&mut self) -> BTreeMap<PathBuf, Entry> {
        mem::take(&mut self.implied)
    }

    /// Removes what is at `path` with all that is in it, but for what is to be kept.
    pub fn remove(&mut self, path: &Path, keep: impl Fn(&Path) -> bool) -> Result<()> {
        self.parent = None; // it may be among what is removed
        remove(&self.tree, path, &keep)
    }

    fn make_parents(&mut self, dir: &Path) -> Result<Node> {
        let mut path = PathBuf::new();
        for name in dir {
            path.push(name);
            let there = self.tree.node(&path)?;
            if !there.as_ref().is_some_and(Node::is_dir) {
                self.make_parent(&path, there)?;
            }
        }
        self.tree.node(dir)?.context("its directory has vanished")
    }

    fn make_parent(&mut self, path: &Path, there: Option<Node>) -> Result<()> {
        self.count()?;
        let (dir, name) = self.tree.parent(path)?;
        let mut implied = None;
        match there {
            None => {
                mkdirat(&dir, name, Mode::S_IRWXU).with_context(|| format!("making {path:?}"))?;
                implied = below::directory(self.whiteouts, path)?;
            }
            Some(node) if self.is_own(path) && !is_mark(&node) => match node.file_type() {
                SFlag::S_IFLNK => bail!("{path:?} is a symbolic link of the same layer"),
                _ => bail!("{path:?} is no directory"),
            },
            Some(_) => self.replace_by_directory(path, &dir, name)?,
        }
        let implied = implied.unwrap_or_else(|| below::unknown(path));
        self.implied.insert(path.to_owned(), implied);
        self.note(path);
        Ok(())
    }

    /// What was there hid what the layers below may have in a directory of this name, and the new
    /// directory has to as well.
    fn replace_by_directory(&mut self, path: &Path, dir: impl AsFd, name: &OsStr) -> Result<()> {
        let replace = || {
            unlinkat(&dir, name, UnlinkatFlags::NoRemoveDir)?;
            mkdirat(&dir, name, Mode::S_IRWXU)
        };
        replace().with_context(|| format!("making {path:?}, where there was another file"))?;
        self.hide_below(path)
    }

    fn note(&mut self, path: &Path) {
        if let Whiteouts::Apply = self.whiteouts {
            self.made.insert(path.to_owned());
        }
    }
}

/// Whether it is no file, but overlay's mark that there is none. None of an archive's own devices
/// is one.
pub fn is_mark(node: &Node) -> bool {
    node.file_type() == SFlag::S_IFCHR && node.stat.st_rdev == 0
}
