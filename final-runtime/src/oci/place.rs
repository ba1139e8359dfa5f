//! The directory of a container's state, `ROOT/ID`, and the lock on it.
//!
//! Whoever makes, starts or deletes a container holds the lock meanwhile. It is the directory itself
//! that is locked (flock(2)): the kernel lets go of it when its holder dies.

use std::{
    env,
    fs::{self, DirBuilder},
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use nix::unistd::geteuid;

use crate::lifecycle::lock::{Lock, lock, try_lock};

/// Where containers of bundles are written down: below `/run`, since nothing of it is true any more
/// after the machine has started anew.
#[derive(Clone, Debug)]
pub struct Root(PathBuf);

/// `/run/final-runtime` for root, else below `$XDG_RUNTIME_DIR`.
pub fn default_root() -> PathBuf {
    let user = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let own = user.filter(|_| !geteuid().is_root());
    let shared = || match geteuid().is_root() {
        true => "/run".into(),
        false => PathBuf::from(format!("/tmp/final-runtime-{}", geteuid())),
    };
    own.unwrap_or_else(shared).join("final-runtime")
}

/// The state of one container, held.
pub struct Place {
    /// Its directory.
    pub dir: PathBuf,
    /// Held until this is dropped.
    pub _lock: Lock,
}

impl Root {
    /// At this path, which need not exist.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// A place for a new container; an error if there is one with this id.
    ///
    /// What a killed `create` has left, before it had written anything down, is nobody's.
    pub fn claim(&self, id: &str) -> Result<Place> {
        let dir = self.dir(id)?;
        let make =
            |dir: &Path, recursive| DirBuilder::new().mode(0o700).recursive(recursive).create(dir);
        let doing = || format!("state: making {}", dir.display());
        make(&self.0, true).with_context(|| format!("state: making {}", self.0.display()))?;
        match make(&dir, false) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let left = !dir.join("record.json").exists();
                let abandoned = if left { try_lock(&dir)? } else { None };
                abandoned
                    .map(|lock| Place { dir, _lock: lock })
                    .ok_or_else(|| anyhow!("state: container {id} exists already"))
            }
            made => {
                made.with_context(doing)?;
                let lock = lock(&dir).context("state")?;
                Ok(Place { dir, _lock: lock })
            }
        }
    }

    /// The place of a container that exists.
    pub fn find(&self, id: &str) -> Result<PathBuf> {
        let dir = self.dir(id)?;
        match dir.is_dir() {
            true => Ok(dir),
            false => bail!("state: container {id} does not exist"),
        }
    }

    /// The same, held.
    pub fn hold(&self, id: &str) -> Result<Place> {
        let dir = self.find(id)?;
        let lock = lock(&dir).context("state")?;
        self.find(id)?; // it may have been deleted while this one waited
        Ok(Place { dir, _lock: lock })
    }

    /// The ids of all that are written down, in order.
    pub fn ids(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(|| format!("state: reading {}", self.0.display()))?,
        };
        let written = |entry: fs::DirEntry| {
            entry.path().join("record.json").exists().then(|| entry.file_name())
        };
        let mut ids: Vec<_> = entries.flatten().filter_map(written).collect();
        ids.sort();
        Ok(ids.into_iter().flat_map(|id| id.into_string()).collect())
    }

    /// An id becomes a directory's name: it must not be a path.
    fn dir(&self, id: &str) -> Result<PathBuf> {
        let letter = |c: char| c.is_ascii_alphanumeric() || "_+-.".contains(c);
        if id.is_empty() || id.len() > 255 || id == "." || id == ".." || !id.chars().all(letter) {
            bail!("state: bad id {id:?}: expected letters, digits, '_', '+', '-' or '.'");
        }
        Ok(self.0.join(id))
    }
}

impl Place {
    /// Removes all that is written down, and the directory around if it was the last.
    pub fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.dir)
            .with_context(|| format!("state: removing {}", self.dir.display()))?;
        let _ = self.dir.parent().map(fs::remove_dir);
        Ok(())
    }
}
