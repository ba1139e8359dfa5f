//! Making a container's changes a layer: a directory that the next overlay can have on top of the
//! layers that this one stood on.
//!
//! It is copied with modes and owners, as the host numbers them, and so may hold set-user-ID
//! programs: as for every layer, its place should be one that other users of the host cannot reach.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs::{self, DirBuilder, File},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::DirBuilderExt,
    },
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg, OFlag, open},
    sys::stat::Mode,
    unistd::{AccessFlags, access, syncfs},
};

use crate::{Tree, Union, union::Entry, whiteout};

impl Union {
    /// Copies the upper to the new directory `layer`, which exists complete or not at all.
    ///
    /// What is gone is marked by whiteouts alone: an opaque directory becomes one with a whiteout
    /// for each file that it hides. So the layer can be read by both sorts of overlay (see
    /// [`Marks`](crate::Marks)), on any file system. OCI also asks for it ("SHOULD").
    pub fn commit(&self, layer: &Path) -> Result<()> {
        let draft = Draft::new(layer)?;
        let tree = Tree::open(&draft.path)?;
        let mut copier = Copier { tree, links: HashMap::new(), dirs: vec![PathBuf::new()] };
        self.walk(|entry| {
            let path = entry.path.clone();
            copier.entry(entry).with_context(|| format!("copying {}", path.display()))
        })?;
        copier.finish(&self.upper)?;
        draft.publish(layer)
    }
}

struct Copier {
    tree: Tree,
    /// Files of several names that have been copied, and the name of the copy.
    links: HashMap<(u64, u64), PathBuf>,
    /// Directories, parents first. Their times and modes come last: copying into them would
    /// change the one, and need not be allowed by the other.
    dirs: Vec<PathBuf>,
}

impl Copier {
    fn entry(&mut self, Entry { path, now, .. }: Entry) -> Result<()> {
        // ANCHOR: exercise-7-9
        let Some(file) = now else {
            let (dir, name) = self.tree.parent(&path)?;
            return Ok(whiteout::make_whiteout(dir, name)?);
        };
        if file.is_dir() {
            self.tree.copy(&file, &path)?;
            self.dirs.push(path);
            return Ok(());
        }
        let inode = (file.stat.st_dev, file.stat.st_ino);
        match self.links.get(&inode) {
            Some(first) => self.tree.link(first, &path)?,
            None => {
                self.tree.copy(&file, &path)?;
                if file.stat.st_nlink > 1 {
                    self.links.insert(inode, path);
                }
            }
        }
        Ok(())
        // ANCHOR_END: exercise-7-9
    }

    fn finish(&self, upper: &Tree) -> Result<()> {
        for path in self.dirs.iter().rev() {
            let copied = upper
                .node(path)
                .and_then(|dir| self.tree.copy_attributes(&dir.context("it has vanished")?, path));
            copied.with_context(|| format!("copying {}", path.display()))?;
        }
        Ok(())
    }
}

/// A layer that is being written, beside its place and under another name. Unless it is published
/// it is removed.
struct Draft {
    path: PathBuf,
    _lock: Flock<File>,
}

impl Draft {
    fn new(layer: &Path) -> Result<Self> {
        vacant(layer)?;
        let name = layer.file_name().unwrap_or_default();
        let path = layer.with_file_name(concat([b".".as_ref(), name.as_bytes(), b".part"]));
        let named = || format!("making {}", path.display());
        match lock(&path) {
            // Its writer was killed.
            Ok(_abandoned) => fs::remove_dir_all(&path).with_context(named)?,
            Err(Errno::EWOULDBLOCK) => bail!("{}: another commit is writing it", named()),
            Err(_) => {}
        }
        DirBuilder::new().mode(0o700).create(&path).with_context(named)?;
        let _lock = lock(&path).with_context(named)?;
        Ok(Self { path, _lock })
    }

    /// All to the disk, then the name: after a crash there is the whole layer, or none.
    fn publish(self, layer: &Path) -> Result<()> {
        let named = || format!("publishing {}", layer.display());
        syncfs(&*self._lock).with_context(named)?;
        fs::rename(&self.path, layer).with_context(named)?;
        File::open(parent(layer)).and_then(|dir| dir.sync_all()).with_context(named)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path); // once published, there is nothing of that name
    }
}

/// Checks, before there is anything to lose, that a layer can be made at `layer`: nothing is there
/// yet, and there is a directory for it.
pub fn vacant(layer: &Path) -> Result<()> {
    let Some(Component::Normal(_)) = layer.components().next_back() else {
        bail!("{layer:?} cannot be the name of a new layer");
    };
    if layer.symlink_metadata().is_ok() {
        bail!("{} exists already", layer.display());
    }
    let parent = parent(layer);
    ensure!(parent.is_dir(), "there is no directory {}", parent.display());
    access(parent, AccessFlags::W_OK | AccessFlags::X_OK)
        .with_context(|| format!("writing to {}", parent.display()))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn concat<const N: usize>(parts: [&[u8]; N]) -> OsString {
    OsString::from_vec(parts.concat())
}

fn lock(dir: &Path) -> nix::Result<Flock<File>> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let dir = File::from(open(dir, flags, Mode::empty())?);
    Flock::lock(dir, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use conformance::TempDir;

    use super::*;
    use crate::Marks;

    /// As root this passes whatever the order in which modes are set.
    #[test]
    fn directories_that_nobody_may_write_to_are_copied_with_all_that_is_in_them() -> Result<()> {
        let temp = TempDir::new("commit")?;
        let [lower, upper, layer] = ["lower", "upper", "layer"].map(|name| temp.path().join(name));
        fs::create_dir(&lower)?;
        fs::create_dir_all(upper.join("a/b/c"))?;
        fs::write(upper.join("a/b/c/file"), "text")?;
        for dir in ["a/b/c", "a/b", "a", ""] {
            fs::set_permissions(upper.join(dir), Permissions::from_mode(0o555))?;
        }
        let union =
            Union { lower: Tree::open(&lower)?, upper: Tree::open(&upper)?, marks: Marks::User };
        union.commit(&layer)?;
        for dir in ["a/b/c", "a/b", "a", ""] {
            let mode = fs::metadata(layer.join(dir))?.permissions().mode();
            assert_eq!(mode & 0o777, 0o555, "{dir}");
        }
        assert_eq!(fs::read(layer.join("a/b/c/file"))?, b"text");
        Ok(())
    }
}
