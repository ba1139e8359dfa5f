//! An upper and the layers below it, compared path by path: what `diff` and `commit` stand on.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{Marks, Node, Tree};

/// What a container wrote, and what it wrote it over.
#[derive(Debug)]
pub struct Union {
    /// The layers, merged: a view of them without the upper.
    pub lower: Tree,
    /// The directory that takes the changes.
    pub upper: Tree,
    /// How the upper marks what is gone.
    pub marks: Marks,
}

/// One path at which the upper says something.
#[derive(Debug)]
pub struct Entry {
    /// Relative to the root.
    pub path: PathBuf,
    /// What is there now. `None` if it is gone.
    pub now: Option<Node>,
    /// What the layers have there. `None` if it is new.
    pub before: Option<Node>,
}

/// A directory of the upper that is still to be read.
struct Todo {
    path: PathBuf,
    /// Whether it hides what the layers have there: it is opaque, or is in one that is.
    hides: bool,
}

impl Union {
    /// Calls `visit` for each entry, a directory's before those of what is in it.
    ///
    /// What an opaque directory hides is told as so many entries that are gone.
    pub fn walk(&self, visit: impl FnMut(Entry) -> Result<()>) -> Result<()> {
        self.walk_from(false, visit)
    }

    /// The same where the upper is no overlay's, but a tree of its own that began as the lower one.
    pub fn walk_whole(&self, visit: impl FnMut(Entry) -> Result<()>) -> Result<()> {
        self.walk_from(true, visit)
    }

    fn walk_from(&self, hides: bool, mut visit: impl FnMut(Entry) -> Result<()>) -> Result<()> {
        let mut todo = vec![Todo { path: PathBuf::new(), hides }];
        while let Some(dir) = todo.pop() {
            for name in self.names(&dir)? {
                let entry = self.entry(dir.path.join(name))?;
                todo.extend(self.subdirectory(&dir, &entry)?);
                if entry.now.is_some() || entry.before.is_some() {
                    visit(entry)?;
                }
            }
        }
        Ok(())
    }

    /// The names that the upper has in a directory, and those that it hides.
    fn names(&self, dir: &Todo) -> Result<BTreeSet<OsString>> {
        let mut names = BTreeSet::from_iter(self.upper.names(&dir.path)?);
        if dir.hides {
            names.extend(self.lower.names(&dir.path)?);
        }
        Ok(names)
    }

    fn entry(&self, path: PathBuf) -> Result<Entry> {
        let before = self.lower.node(&path)?;
        let mut now = self.upper.node(&path)?;
        if let Some(node) = &now {
            let gone = self.marks.is_whiteout(node);
            if gone.with_context(|| self.reading_marks(&path))? {
                now = None;
            } else {
                // Rather no layer than one with holes in it.
                let elsewhere = self.marks.elsewhere(node);
                if let Some(why) = elsewhere.with_context(|| self.reading_marks(&path))? {
                    bail!("{}: {why}", self.upper.display(&path));
                }
            }
        }
        Ok(Entry { path, now, before })
    }

    /// An entry that has entries of its own.
    fn subdirectory(&self, parent: &Todo, entry: &Entry) -> Result<Option<Todo>> {
        // ANCHOR: exercise-7-7
        let Some(dir) = entry.now.as_ref().filter(|node| node.is_dir()) else { return Ok(None) };
        let path = entry.path.clone();
        let opaque = self.marks.is_opaque(dir).with_context(|| self.reading_marks(&path))?;
        let covers = entry.before.as_ref().is_some_and(Node::is_dir);
        Ok(Some(Todo { path, hides: covers && (opaque || parent.hides) }))
        // ANCHOR_END: exercise-7-7
    }

    fn reading_marks(&self, path: &Path) -> String {
        format!("reading the marks of {}", self.upper.display(path))
    }
}
