//! The directory of a container's state, `ROOT/ID`, and the lock on it.
//!
//! Whoever makes, starts or deletes a container holds the lock meanwhile. It is the directory itself
//! that is locked (flock(2)): the kernel lets go of it when its holder dies.

use std::{
    env,
    fs::{self, DirBuilder},
    io::ErrorKind,
    os::{
        fd::{AsRawFd, RawFd},
        unix::fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use nix::unistd::geteuid;

use super::record::Record;
use crate::lifecycle::lock::{Lock, lock, try_lock};

/// Where containers of bundles are written down: below `/run`, since nothing of it is true any more
/// after the machine has started anew.
#[derive(Clone, Debug)]
pub struct Root(PathBuf);

/// `/run/final-runtime` for root, else below `$XDG_RUNTIME_DIR`. One who is root only in a user
/// namespace, as an engine of an ordinary user's makes it, cannot write to `/run`.
pub fn default_root() -> PathBuf {
    let user = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let own = user.filter(|_| !is_real_root());
    let shared = || match is_real_root() {
        true => "/run".into(),
        false => PathBuf::from(format!("/tmp/final-runtime-{}", geteuid())),
    };
    own.unwrap_or_else(shared).join("final-runtime")
}

/// Whether root here is root of the machine, as far as can be seen from here.
fn is_real_root() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let same = |line: &str| line.split_whitespace().take(2).eq(["0", "0"]);
    geteuid().is_root() && map.lines().next().is_none_or(same)
}

/// The state of one container, held.
pub struct Place {
    /// Its directory.
    pub dir: PathBuf,
    lock: Lock,
}

impl Root {
    /// At this path, which need not exist.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// A place for a new container; an error if there is one with this id.
    ///
    /// What a killed `create` has left is nobody's. If it got as far as writing a record, that tells
    /// what is to be given back first.
    pub fn claim(&self, id: &str) -> Result<Place> {
        let dir = self.dir(id)?;
        let make = |dir: &Path, recursive| {
            let made = DirBuilder::new().mode(0o700).recursive(recursive).create(dir);
            made.with_context(|| format!("state: making {}", dir.display()))
        };
        make(&self.0, true)?;
        match make(&dir, false) {
            // The last container's end has taken the directory around with it.
            Err(_) if !self.0.exists() => return self.claim(id),
            Err(_) if dir.exists() => {}
            made => made?,
        }
        let taken = || anyhow!("state: container {id} exists already");
        let lock = try_lock(&dir).context("state")?.ok_or_else(taken)?;
        let place = Place { dir, lock };
        match Record::load(&place.dir) {
            _ if !place.is_there() => self.claim(id), // it was deleted a moment ago
            Ok(record) if record.pid != 0 => Err(taken()),
            Err(_) if place.is_written() => Err(taken()),
            _ => Ok(place),
        }
    }

    /// Whether a container of this id is written down.
    pub fn has(&self, id: &str) -> bool {
        self.dir(id).is_ok_and(|dir| dir.join("record.json").exists())
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
        let place = Place { dir, lock };
        // It may have been deleted, and another been made, while this one waited.
        if place.is_there() { Ok(place) } else { self.hold(id) }
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
    /// The descriptor of the lock.
    pub fn lock(&self) -> RawFd {
        self.lock.as_raw_fd()
    }

    /// Whether it was written down where the container is.
    pub fn is_written(&self) -> bool {
        self.dir.join("record.json").exists()
    }

    /// Whether what is held is what stands there, and not one before it.
    fn is_there(&self) -> bool {
        let (held, there) = (self.lock.metadata(), fs::metadata(&self.dir));
        matches!((held, there), (Ok(held), Ok(there)) if held.ino() == there.ino())
    }

    /// Removes all that is written down, and the directory around if it was the last.
    pub fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.dir)
            .with_context(|| format!("state: removing {}", self.dir.display()))?;
        let _ = self.dir.parent().map(fs::remove_dir);
        Ok(())
    }
}
