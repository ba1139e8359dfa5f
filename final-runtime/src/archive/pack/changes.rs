//! What belongs into a layer: what is new or another, the directories that it is in, the other
//! names of a file that has several, and what is gone.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::sys::stat::SFlag;
use step07::{Archived, Entry, Node, Tree, same};

use super::{Source, file};

/// That.
#[derive(Debug, Default)]
pub struct Changes {
    /// What there is, sorted by path, each after its directory.
    pub there: BTreeSet<PathBuf>,
    /// Names that are gone, by directory.
    pub gone: BTreeMap<PathBuf, BTreeSet<OsString>>,
    /// What cannot be in a layer.
    pub left_out: Vec<PathBuf>,
    /// Names of files that have several.
    links: HashMap<(u64, u64), Names>,
}

#[derive(Debug, Default)]
struct Names {
    all: Vec<PathBuf>,
    changed: bool,
}

impl Changes {
    /// Finds them.
    pub fn of(source: Source) -> Result<Self> {
        let mut changes = Self::default();
        match source {
            Source::Upper(union) => {
                union.walk(|entry| changes.entry(entry))?;
                changes.root(&union.lower, &union.upper)?;
            }
            Source::Trees { before, after } => {
                changes.trees(Some(before), after)?;
                changes.root(before, after)?;
            }
            Source::Whole(tree) => {
                changes.trees(None, tree)?;
                changes.there.insert(PathBuf::new());
            }
        }
        changes.add_names();
        Ok(changes)
    }

    /// Compares two trees, or takes all of one.
    fn trees(&mut self, before: Option<&Tree>, after: &Tree) -> Result<()> {
        // Directories of `after`, and whether they are ones before too.
        let mut todo = vec![(PathBuf::new(), before)];
        while let Some((dir, before)) = todo.pop() {
            let mut names = BTreeSet::from_iter(after.names(&dir)?);
            if let Some(before) = before {
                names.extend(before.names(&dir)?);
            }
            for name in names {
                let path = dir.join(name);
                let was = before.map(|tree| tree.node(&path)).transpose()?.flatten();
                let now = after.node(&path)?;
                if now.as_ref().is_some_and(Node::is_dir) && !is_hidden(&path) {
                    let both = was.as_ref().is_some_and(Node::is_dir);
                    todo.push((path.clone(), before.filter(|_| both)));
                }
                self.entry(Entry { path, now, before: was })?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, Entry { path, now, before }: Entry) -> Result<()> {
        let Some(now) = now else {
            if before.is_some()
                && let (Some(dir), Some(name)) = (path.parent(), path.file_name())
            {
                self.gone.entry(dir.to_owned()).or_default().insert(name.to_owned());
                self.add_ancestors(&path);
            }
            return Ok(());
        };
        if path.ancestors().any(is_hidden) || !can_be_archived(&now) {
            self.left_out.push(path);
            return Ok(());
        }
        let changed = match &before {
            None => true,
            Some(before) if untouched(before, &now) => false,
            Some(before) => {
                let same = same(before, &now);
                !same.with_context(|| format!("comparing {}", path.display()))?
            }
        };
        if !now.is_dir() && now.stat.st_nlink > 1 {
            let names = self.links.entry((now.stat.st_dev, now.stat.st_ino)).or_default();
            names.all.push(path.clone());
            names.changed |= changed;
        }
        if changed {
            self.add(path);
        }
        Ok(())
    }

    /// The root, if it is another: its time is not asked, as what is made in it changes that.
    fn root(&mut self, before: &Tree, after: &Tree) -> Result<()> {
        let path = Path::new("");
        let [before, after] = [before.root()?, after.root()?];
        let [before, after] = [file::entry(path, &before)?, file::entry(path, &after)?];
        let shape = |entry: &crate::archive::tar::Entry| (entry.mode, entry.uid, entry.gid);
        if shape(&before) != shape(&after) || before.xattrs != after.xattrs {
            self.there.insert(PathBuf::new());
        }
        Ok(())
    }

    /// If a file of several names is packed, each is: they stay names of one file.
    fn add_names(&mut self) {
        for (_, names) in std::mem::take(&mut self.links) {
            if names.changed {
                names.all.into_iter().for_each(|path| self.add(path));
            }
        }
    }

    fn add(&mut self, path: PathBuf) {
        self.add_ancestors(&path);
        self.there.insert(path);
    }

    fn add_ancestors(&mut self, path: &Path) {
        let above = path.ancestors().skip(1);
        for dir in above.take_while(|dir| !dir.as_os_str().is_empty()) {
            // Where one is there already, so are those above it.
            if !self.there.insert(dir.to_owned()) {
                break;
            }
        }
    }
}

/// Whether it is the same inode, and nothing has been done to it: a snapshot's files are compared
/// without reading them. Nobody can turn back the time of the last change of an inode.
fn untouched(before: &Node, now: &Node) -> bool {
    let state = |node: &Node| {
        let stat = &node.stat;
        let ctime = (stat.st_ctime, stat.st_ctime_nsec);
        (stat.st_ino, ctime, stat.st_mode, stat.st_size, stat.st_uid, stat.st_gid)
    };
    state(before) == state(now)
}

/// Whether an archive would say by this name that another file is gone.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    !matches!(Archived::read(name), Ok(Archived::File))
}

fn can_be_archived(node: &Node) -> bool {
    match node.file_type() {
        SFlag::S_IFSOCK => false,
        SFlag::S_IFCHR => node.stat.st_rdev != 0,
        _ => true,
    }
}
