//! What a layer says is gone: marked for an overlay, or removed.
//!
//! A layer says it of the layers below alone. What it has itself is not touched, in whatever order
//! the entries come. See "Whiteouts" in the image specification's layer.md.

use std::{
    collections::BTreeSet,
    mem,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use step07::{Archived, Marks, Node, whiteout::make_whiteout};

use super::{Whiteouts, place::Place};
use crate::archive::tar::{Entry, Kind};

/// What an entry's name says.
#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// There is a file.
    File,
    /// What is at this path is gone.
    Gone(PathBuf),
    /// All that was in this directory is gone.
    Opaque(PathBuf),
    /// Nothing to anyone but AUFS.
    Nothing,
}

impl Meaning {
    /// Reads the name of an entry, and those of the directories that it is in.
    pub fn of(entry: &Entry) -> Result<Self> {
        let path = &entry.path;
        let (Some(name), Some(dir)) = (path.file_name(), path.parent()) else {
            return Ok(Self::File); // the root
        };
        for name in dir {
            match Archived::read(name)? {
                Archived::File => {}
                Archived::Private => return Ok(Self::Nothing),
                Archived::Whiteout(_) | Archived::Opaque => bail!("it is in a whiteout"),
            }
        }
        let meaning = match Archived::read(name)? {
            Archived::File => return Ok(Self::File),
            Archived::Private => return Ok(Self::Nothing),
            Archived::Whiteout(gone) => Self::Gone(dir.join(gone)),
            Archived::Opaque => Self::Opaque(dir.to_owned()),
        };
        // Of AUFS's own whiteouts all but one were links.
        let empty = matches!(entry.kind, Kind::File { size: 0, .. } | Kind::Link(_));
        ensure!(empty, "a whiteout that is no empty file");
        Ok(meaning)
    }
}

impl Place<'_> {
    /// What the layers below have at `path` is gone.
    pub fn gone(&mut self, path: &Path) -> Result<()> {
        let (dir, name) = self.parent(path)?;
        match self.whiteouts {
            Whiteouts::Apply => self.remove_others(path),
            Whiteouts::Overlay { .. } => match make_whiteout(&*dir, name) {
                Err(Errno::EEXIST) => self.hide_below(path),
                made => made.context("marking it"),
            },
        }
    }

    /// What the layers below have in the directory `dir` is gone.
    pub fn opaque(&mut self, dir: &Path) -> Result<()> {
        self.parent(&dir.join(Archived::opaque()))?;
        match self.whiteouts {
            // Overlay does not look for a mark at the root.
            Whiteouts::Overlay { .. } if dir.as_os_str().is_empty() => self.opaque = true,
            Whiteouts::Overlay { .. } => self.hide_below(dir)?,
            Whiteouts::Apply => {
                for name in self.tree.names(dir)? {
                    self.remove_others(&dir.join(name))?;
                }
            }
        }
        Ok(())
    }

    /// There is to be nothing at `path`, neither of this layer nor of those below.
    pub fn leave_out(&mut self, path: &Path) -> Result<()> {
        match self.whiteouts {
            Whiteouts::Overlay { .. } => self.make(path, |dir, name| make_whiteout(dir, name)),
            Whiteouts::Apply => self.remove(path, |_| false),
        }
    }

    /// What can only be done when all of the layer is there.
    pub fn finish(&mut self) -> Result<()> {
        let Whiteouts::Overlay { below, .. } = self.whiteouts else { return Ok(()) };
        if self.opaque {
            let mut names = BTreeSet::new();
            for tree in below {
                names.extend(tree.names(Path::new(""))?);
            }
            for name in names {
                self.gone(Path::new(&name)).with_context(|| format!("{name:?}"))?;
            }
        }
        Ok(())
    }

    /// Overlay: if there is a directory, of this layer as all is, it shows nothing of those below.
    /// Other files never do.
    pub(super) fn hide_below(&self, path: &Path) -> Result<()> {
        let Whiteouts::Overlay { marks, .. } = self.whiteouts else { return Ok(()) };
        match self.tree.node(path)?.filter(Node::is_dir) {
            Some(dir) => mark_opaque(&dir, marks).context("marking it as opaque"),
            None => Ok(()),
        }
    }

    fn remove_others(&mut self, path: &Path) -> Result<()> {
        let made = mem::take(&mut self.made);
        let removed = self.remove(path, |path| made.contains(path));
        self.made = made;
        removed
    }
}

/// In both dialects where that can be: a container in a user namespace reads the other one.
fn mark_opaque(dir: &Node, marks: Marks) -> nix::Result<()> {
    marks.make_opaque(dir)?;
    match marks {
        Marks::Trusted => match Marks::User.make_opaque(dir) {
            Err(Errno::EOPNOTSUPP) => Ok(()), // nor does the kernel mount such an overlay here
            marked => marked,
        },
        Marks::User => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::archive::tar::Time;

    fn meaning(path: &str, kind: Kind) -> Result<Meaning> {
        let mtime = Time { seconds: 0, nanos: 0 };
        let (mode, xattrs) = (0, Vec::new());
        Meaning::of(&Entry { path: path.into(), kind, mode, uid: 0, gid: 0, mtime, xattrs })
    }

    const EMPTY: Kind = Kind::File { size: 0, map: None };

    #[rstest]
    #[case("", Meaning::File)]
    #[case("a/b", Meaning::File)]
    #[case("a/.wh.b", Meaning::Gone("a/b".into()))]
    #[case(".wh.b", Meaning::Gone("b".into()))]
    #[case("a/.wh..wh..opq", Meaning::Opaque("a".into()))]
    #[case(".wh..wh..opq", Meaning::Opaque("".into()))]
    #[case(".wh..wh.plnk", Meaning::Nothing)]
    #[case(".wh..wh.plnk/1.2", Meaning::Nothing)]
    #[case("a/.wh..wh.orph/.wh.b", Meaning::Nothing)]
    fn names_have_meanings(#[case] path: &str, #[case] wanted: Meaning) -> Result<()> {
        let kind = if path.is_empty() { Kind::Directory } else { EMPTY };
        assert_eq!(meaning(path, kind)?, wanted);
        Ok(())
    }

    #[rstest]
    fn what_makes_no_sense_is_refused(
        #[values(".wh.", "a/.wh..", ".wh...", ".wh.a/b", ".wh..wh..opq/b", ".wh.../x")] path: &str,
    ) {
        meaning(path, EMPTY).expect_err(path);
    }

    #[test]
    fn a_whiteout_is_an_empty_file() {
        meaning(".wh.a", Kind::Link(".wh..wh.plnk/1.2".into())).expect("AUFS's");
        for kind in [
            Kind::File { size: 1, map: None },
            Kind::Directory,
            Kind::Symlink("a".into()),
            Kind::Character(1, 3),
            Kind::Fifo,
        ] {
            meaning(".wh.a", kind).expect_err("no empty file");
        }
    }
}
