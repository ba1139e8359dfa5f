//! The containers of a store: made, found, removed.
//!
//! ```text
//! ROOT/containers/ID/config.json   what it was made to be
//!                    state.json    how far it is
//!                    log.json      what it said
//! ROOT/names/NAME -> ID            a name belongs to one container
//! ROOT/live/ID                     there while a runtime looks after it: that process's number
//! ```
//!
//! The runtime that looks after a container holds a lock on `containers/ID`, see `lost.rs`. Whoever
//! makes or removes a container holds the lock on `ROOT` meanwhile.

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    rc::Rc,
};

use super::{
    container::{Container, Held, live},
    lock::{self, Lock, lock},
    log,
    record::{Config, Keep, State, save},
};
use crate::{
    image::digest::Digest,
    storage::{Access, Drivers, Key, Root},
    store::{make_dir, remove_tree},
};
use anyhow::{Context, Result, anyhow, bail};

/// A store's containers. What one changes is in the snapshot of its id.
pub struct Containers {
    root: PathBuf,
    pub(super) drivers: Rc<Drivers>,
}

impl Containers {
    /// The containers of the store at `root`, which are none if it is new. What they change is in
    /// `drivers`.
    pub fn open(root: &Path, drivers: Rc<Drivers>) -> Result<Self> {
        ["containers", "names", "live"].iter().try_for_each(|dir| make_dir(&root.join(dir)))?;
        Ok(Self { root: root.to_owned(), drivers })
    }

    /// Writes a new container down and looks after it from now on.
    pub fn create(&self, config: Config) -> Result<Held> {
        let _store = self.lock()?;
        let dir = self.dir(&config.id);
        mark(&dir)?; // first of all: by it whatever follows is found, should this process be killed
        if let Err(error) = self.claim_name(&config) {
            let _ = fs::remove_file(live(&dir));
            return Err(error);
        }
        make_dir(&dir)?;
        let lock = lock(&dir).context("store")?;
        save(&dir.join("config.json"), &config, Keep::Safe).context("store")?;
        log::create(&dir.join("log.json")).context("store")?;
        let container = Container { config, state: State::Created, dir };
        container.save_state(Keep::Quick)?;
        Ok(Held { container, lock })
    }

    /// Makes the file system of a new container, on top of an image's; it may be written to.
    pub fn root(&self, id: &str, image: Option<&Key>) -> Result<Root> {
        let (key, snapshots) = (id.parse()?, self.drivers.chosen()?);
        snapshots.prepare(&key, image)?;
        snapshots.root(&key, Access::Write)
    }

    /// Gives back what the file system of a container that has ended takes of the host.
    pub fn put(&self, id: &str) -> Result<()> {
        let key = id.parse()?;
        self.drivers.holder(&key)?.map_or(Ok(()), |snapshots| snapshots.put(&key))
    }

    /// The manifests of the images that they were made from.
    pub fn manifests(&self) -> Result<BTreeSet<Digest>> {
        Ok(self.all()?.0.into_iter().map(|container| container.config.manifest).collect())
    }

    /// Changes what a container is held to, by `act`, and writes that down. Others who want the same
    /// wait meanwhile, but not those who want other containers.
    pub fn change(&self, id: &str, act: impl FnOnce(&mut Container) -> Result<()>) -> Result<()> {
        let file = self.dir(id).join("update.lock");
        let made = fs::OpenOptions::new().create(true).append(true).open(&file);
        made.with_context(|| format!("store: making {}", file.display()))?;
        let _lock = lock(&file).context("store")?;
        let mut container = Container::load(self.dir(id))?;
        act(&mut container)?;
        save(&container.dir.join("config.json"), &container.config, Keep::Safe).context("store")
    }

    /// All of them, the newest first; and what is wrong with those whose record is damaged.
    pub fn all(&self) -> Result<(Vec<Container>, Vec<anyhow::Error>)> {
        let (mut all, mut damaged) = (Vec::new(), Vec::new());
        for id in self.ids()? {
            match Container::load(self.dir(&id)) {
                Ok(container) => all.push(container),
                // It is being made or removed at this moment: it is not there.
                Err(_) if !self.dir(&id).exists() || live(&self.dir(&id)).exists() => {}
                Err(error) => damaged.push(error),
            }
        }
        all.sort_by(|a, b| b.config.created.cmp(&a.config.created));
        Ok((all, damaged))
    }

    /// By name, by id, or by the first digits of an id that only one has.
    pub fn find(&self, wanted: &str) -> Result<Container> {
        Container::load(self.dir(&self.find_id(wanted)?))
    }

    /// The id of the container that is wanted, whatever its record is like.
    pub fn find_id(&self, wanted: &str) -> Result<String> {
        if let Some(id) = self.owner(wanted)? {
            return Ok(id);
        }
        let mut found = self.ids()?;
        found.retain(|id| id.starts_with(wanted));
        match (found.pop(), found.len()) {
            (None, _) => bail!("store: no such container: {wanted}"),
            (Some(id), 0) => Ok(id),
            (Some(_), more) => bail!("store: {} containers' ids begin with {wanted}", more + 1),
        }
    }

    /// Forgets a container that does not run.
    pub fn remove(&self, id: &str) -> Result<()> {
        let _store = self.lock()?;
        self.forget(id)
    }

    /// Removes all that is written down of one, with the store locked.
    pub(super) fn forget(&self, id: &str) -> Result<()> {
        let dir = self.dir(id);
        mark(&dir)?;
        for name in self.names_of(id)? {
            fs::remove_file(&name)
                .with_context(|| format!("store: removing {}", name.display()))?;
        }
        let key = id.parse()?;
        if let Some(snapshots) = self.drivers.holder(&key)? {
            snapshots.remove(&key)?;
        }
        remove_tree(&dir)?;
        let mark = live(&dir);
        fs::remove_file(&mark).with_context(|| format!("store: removing {}", mark.display()))
    }

    /// Takes the name for the container of this id. A name whose container is gone is free: its
    /// owner was killed half-way.
    fn claim_name(&self, config: &Config) -> Result<()> {
        if let Some(owner) = self.owner(&config.name)? {
            bail!("store: the name {:?} is in use by container {owner}", config.name);
        }
        let file = self.name(&config.name)?;
        let doing = || format!("store: claiming the name {:?}", config.name);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(doing);
            }
            _ => {}
        }
        symlink(&config.id, &file).with_context(doing)
    }

    /// The id of the container that has this name.
    fn owner(&self, name: &str) -> Result<Option<String>> {
        let id = fs::read_link(self.name(name)?).ok().map(|id| id.to_string_lossy().into_owned());
        Ok(id.filter(|id| self.dir(id).exists()))
    }

    pub(super) fn names_of(&self, id: &str) -> Result<Vec<PathBuf>> {
        let names = fs::read_dir(self.root.join("names")).context("store: reading it")?;
        let names = names.flatten().map(|entry| entry.path());
        Ok(names.filter(|name| fs::read_link(name).is_ok_and(|of| of == Path::new(id))).collect())
    }

    /// A name or an id becomes a file's name: it must not be a path.
    fn name(&self, name: &str) -> Result<PathBuf> {
        let mut chars = name.chars();
        let first = chars.next().is_some_and(|c| c.is_ascii_alphanumeric());
        let rest = chars.all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if first && rest && name.len() <= 128 {
            return Ok(self.root.join("names").join(name));
        }
        Err(anyhow!(
            "store: bad container name {name:?}: expected a letter or digit, then letters, digits, \
             '_', '.' or '-'"
        ))
    }

    fn ids(&self) -> Result<Vec<String>> {
        self.entries("containers")
    }

    /// Those that a runtime looks after, or looked after when it was killed.
    pub(super) fn live(&self) -> Result<Vec<String>> {
        self.entries("live")
    }

    fn entries(&self, dir: &str) -> Result<Vec<String>> {
        let entries = fs::read_dir(self.root.join(dir)).context("store: reading it")?;
        Ok(entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect())
    }

    /// Where the container with this id has its files.
    pub fn dir(&self, id: &str) -> PathBuf {
        self.root.join("containers").join(id)
    }

    pub(super) fn lock(&self) -> Result<Lock> {
        lock::lock(&self.root).context("store")
    }
}

/// The mark by which `recover` finds what is half made or half removed, if this process is killed.
fn mark(dir: &Path) -> Result<()> {
    let live = live(dir);
    fs::write(&live, format!("{}\n", std::process::id()))
        .with_context(|| format!("store: writing {}", live.display()))
}
