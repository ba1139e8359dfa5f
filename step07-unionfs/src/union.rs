//! An upper and the layers below it, compared path by path: what `diff` and `commit` stand on.

use std::{ffi::OsString, path::PathBuf};

use anyhow::{Context, Result};

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
    below: Below,
}

/// What the layers have at a directory of the upper.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Below {
    /// Nothing, or no directory.
    Nothing,
    /// A directory, whose files are seen together with the upper's.
    Merged,
    /// A directory, whose files are not seen: the upper's is opaque, or is in one that is.
    Hidden,
}

impl Union {
    /// Calls `visit` for each entry, parents before children and siblings by name.
    ///
    /// What an opaque directory hides is told as so many entries that are gone.
    pub fn walk(&self, mut visit: impl FnMut(Entry) -> Result<()>) -> Result<()> {
        let mut todo = vec![Todo { path: PathBuf::new(), below: Below::Merged }];
        while let Some(dir) = todo.pop() {
            let mut subdirs = Vec::new();
            for name in self.names(&dir)? {
                subdirs.extend(self.entry(&dir, name, &mut visit)?);
            }
            todo.extend(subdirs.into_iter().rev());
        }
        Ok(())
    }

    /// The names that the upper has in a directory, and those that it hides.
    fn names(&self, dir: &Todo) -> Result<Vec<OsString>> {
        let mut names = self.upper.names(&dir.path)?;
        if dir.below == Below::Hidden {
            names.extend(self.lower.names(&dir.path)?);
            names.sort();
            names.dedup();
        }
        Ok(names)
    }

    /// Visits one path; if it is a directory of the upper, returns it to be read.
    fn entry(
        &self,
        dir: &Todo,
        name: OsString,
        visit: &mut impl FnMut(Entry) -> Result<()>,
    ) -> Result<Option<Todo>> {
        let path = dir.path.join(name);
        let named = || format!("reading the marks of {}", self.upper.display(&path));
        let mut now = self.upper.node(&path)?;
        if let Some(node) = &now
            && self.marks.is_whiteout(node).with_context(named)?
        {
            now = None;
        }
        let before = match dir.below {
            Below::Nothing => None,
            Below::Merged | Below::Hidden => self.lower.node(&path)?,
        };
        let subdir = match &now {
            Some(node) if node.is_dir() => {
                let opaque = self.marks.is_opaque(node).with_context(named)?;
                let below = match &before {
                    Some(before) if before.is_dir() && (opaque || dir.below == Below::Hidden) => {
                        Below::Hidden
                    }
                    Some(before) if before.is_dir() => Below::Merged,
                    _ => Below::Nothing,
                };
                Some(Todo { path: path.clone(), below })
            }
            _ => None,
        };
        if now.is_some() || before.is_some() {
            visit(Entry { path, now, before })?;
        }
        Ok(subdir)
    }
}
