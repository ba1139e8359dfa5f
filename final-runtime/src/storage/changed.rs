//! What a snapshot has changed of its parent: a list for people, or what a layer is packed from.

use std::{os::fd::BorrowedFd, path::Path, rc::Rc};

use anyhow::{Context, Result};
use step07::{Change, Marks, Tree, Union};

use super::{Key, Snapshots, mounted};
use crate::archive::Source;

/// A snapshot, beside its parent.
pub enum Changed<'a> {
    /// An overlay's upper and what is below it.
    Upper(&'a Union),
    /// Two whole trees.
    Whole(&'a Union),
}

impl<'a> Changed<'a> {
    /// As `docker diff` tells it.
    pub fn list(&self) -> Result<Vec<Change>> {
        match self {
            Self::Upper(union) => union.diff(),
            Self::Whole(union) => union.diff_whole(),
        }
    }

    /// What [`pack`](crate::archive::pack) makes a layer of.
    pub fn source(&self) -> Source<'a> {
        match self {
            Self::Upper(union) => Source::Upper(union),
            Self::Whole(union) => Source::Trees { before: &union.lower, after: &union.upper },
        }
    }
}

impl Snapshots {
    /// Calls `act` with what a snapshot has changed of its parent, as one who may read all of it.
    pub fn changed(
        self: &Rc<Self>,
        key: &Key,
        act: impl FnOnce(Changed) -> Result<()> + 'static,
    ) -> Result<()> {
        let parent = self.get(key)?.with_context(|| format!("storage: there is no snapshot {key}"));
        let parent = parent?.parent.with_context(|| format!("storage: {key} has no parent"))?;
        let (own, inner, key) = (self.driver().changes(key), Rc::clone(self), key.clone());
        self.look(&parent, move |before| {
            let lower = tree(before)?;
            let marks = if mounted::powerful_on_the_host()? { Marks::Trusted } else { Marks::User };
            if let Some(upper) = own {
                return act(Changed::Upper(&Union { lower, upper: Tree::open(&upper)?, marks }));
            }
            inner.look(&key, move |after| {
                act(Changed::Whole(&Union { lower, upper: tree(after)?, marks }))
            })
        })
    }
}

fn tree(root: BorrowedFd) -> Result<Tree> {
    Ok(Tree::new(root.try_clone_to_owned()?, Path::new("/")))
}
