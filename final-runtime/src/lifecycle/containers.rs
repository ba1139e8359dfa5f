//! The containers of a store: made, found, removed; who runs and who was left behind.
//!
//! ```text
//! ROOT/containers/ID/config.json   what it was made to be
//!                    state.json    how far it is
//!                    log.json      what it said
//!                    upper/ work/  what it changed
//! ROOT/names/NAME                  the id of the container of that name
//! ROOT/live/ID                     there while a runtime looks after it
//! ```
//!
//! The runtime that looks after a container holds a lock on `containers/ID`. The kernel drops the
//! lock if the runtime is killed: a container in `live` that nobody holds is one left behind, and
//! the next command writes down its end. See flock(2).

use std::{
    fs::{self, DirBuilder, File},
    io::{ErrorKind, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use nix::fcntl::{Flock, FlockArg};
use step07::{Stack, UserNamespace, Userns, errand};

use super::record::{Config, State, load, now, save};

/// A store's containers.
pub struct Containers {
    root: PathBuf,
}

/// One container's record.
#[derive(Clone, Debug)]
pub struct Container {
    /// What it was made to be.
    pub config: Config,
    /// How far it is.
    pub state: State,
    /// Its directory.
    pub dir: PathBuf,
}

/// A container that this process looks after.
pub struct Held {
    /// Its record.
    pub container: Container,
    live: PathBuf,
    _lock: Flock<File>,
}

impl Containers {
    /// The containers of the store at `root`, which are none if it is new.
    pub fn open(root: &Path) -> Result<Self> {
        for dir in ["containers", "names", "live"] {
            let dir = root.join(dir);
            DirBuilder::new()
                .recursive(true)
                .mode(0o711) // a container's root, who may be another user, passes through
                .create(&dir)
                .with_context(|| format!("store: making {}", dir.display()))?;
        }
        Ok(Self { root: root.to_owned() })
    }

    /// Writes a new container down and looks after it from now on.
    pub fn create(&self, config: Config) -> Result<Held> {
        let _store = self.lock_store()?;
        self.claim_name(&config)?;
        let dir = self.dir(&config.id);
        DirBuilder::new()
            .mode(0o711) // the container's root may be another user, who passes through to `upper`
            .create(&dir)
            .with_context(|| format!("store: making {}", dir.display()))?;
        let lock = lock(&dir, FlockArg::LockExclusive)?;
        save(&dir.join("config.json"), &config)?;
        let live = self.root.join("live").join(&config.id);
        File::create(&live).with_context(|| format!("store: making {}", live.display()))?;
        let container = Container { config, state: State::Created, dir };
        container.save_state()?;
        Ok(Held { container, live, _lock: lock })
    }

    /// All of them, the newest first.
    pub fn all(&self) -> Result<Vec<Container>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.root.join("containers")).context("store: reading it")? {
            let id = entry.context("store: reading it")?.file_name();
            // One that is being made or removed at this moment has no record: it is not there.
            all.extend(self.load(&id.to_string_lossy()).ok());
        }
        all.sort_by(|a, b| b.config.created.cmp(&a.config.created));
        Ok(all)
    }

    /// By name, by id, or by the first digits of an id that only one has.
    pub fn find(&self, wanted: &str) -> Result<Container> {
        if let Ok(id) = fs::read_to_string(self.root.join("names").join(file_name(wanted)?)) {
            return self.load(&id);
        }
        let mut found: Vec<_> = fs::read_dir(self.root.join("containers"))
            .context("store: reading it")?
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|id| id.starts_with(wanted))
            .collect();
        match (found.pop(), found.len()) {
            (None, _) => bail!("store: no such container: {wanted}"),
            (Some(id), 0) => self.load(&id),
            (Some(_), more) => bail!("store: {} containers' ids begin with {wanted}", more + 1),
        }
    }

    /// Forgets a container that does not run.
    pub fn remove(&self, container: &Container) -> Result<()> {
        let _store = self.lock_store()?;
        self.forget(container)
    }

    /// Writes down the end of those whose runtime was killed, and removes those of them that were
    /// to be removed at their end.
    pub fn recover(&self) -> Result<()> {
        let _store = self.lock_store()?;
        for entry in fs::read_dir(self.root.join("live")).context("store: reading it")?.flatten() {
            let id = entry.file_name().to_string_lossy().into_owned();
            if let Ok(_lock) = lock(&self.dir(&id), FlockArg::LockExclusiveNonblock) {
                self.bury(&id)?;
            }
            if !self.is_held(&id) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// Whether a runtime looks after it.
    fn is_held(&self, id: &str) -> bool {
        let dir = self.dir(id);
        dir.exists() && lock(&dir, FlockArg::LockSharedNonblock).is_err()
    }

    fn bury(&self, id: &str) -> Result<()> {
        let Ok(mut container) = self.load(id) else {
            // Killed before it had written its record: nothing of it was ever to be seen.
            return remove_tree(&self.dir(id));
        };
        let unborn = matches!(container.state, State::Created);
        if container.config.auto_remove || unborn {
            return self.forget(&container);
        }
        if matches!(container.state, State::Running { .. }) {
            let reason = Some("its runtime was killed".into());
            container.state = State::Exited { code: 137, finished: now(), reason };
            container.save_state()?;
        }
        Ok(())
    }

    fn forget(&self, container: &Container) -> Result<()> {
        let name = self.root.join("names").join(&container.config.name);
        if fs::read_to_string(&name).is_ok_and(|id| id == container.config.id) {
            fs::remove_file(&name)
                .with_context(|| format!("store: removing {}", name.display()))?;
        }
        remove_tree(&container.dir)
    }

    fn load(&self, id: &str) -> Result<Container> {
        let dir = self.dir(id);
        let config = load(&dir.join("config.json")).context("store")?;
        let state = load(&dir.join("state.json")).context("store")?;
        Ok(Container { config, state, dir })
    }

    fn claim_name(&self, config: &Config) -> Result<()> {
        let file = self.root.join("names").join(file_name(&config.name)?);
        if let Ok(owner) = fs::read_to_string(&file) {
            if self.dir(&owner).exists() {
                bail!("store: the name {:?} is in use by container {owner}", config.name);
            }
            fs::remove_file(&file).context("store: taking over a name")?; // left by a crash
        }
        let claim = || File::create_new(&file)?.write_all(config.id.as_bytes());
        claim().with_context(|| format!("store: claiming the name {:?}", config.name))
    }

    /// Where the container with this id has its files.
    pub fn dir(&self, id: &str) -> PathBuf {
        self.root.join("containers").join(id)
    }

    fn lock_store(&self) -> Result<Flock<File>> {
        lock(&self.root, FlockArg::LockExclusive)
    }
}

impl Container {
    /// Writes `state` down.
    pub fn save_state(&self) -> Result<()> {
        save(&self.dir.join("state.json"), &self.state).context("store")
    }

    /// The first process's number, if it runs and the number is still that process's.
    pub fn pid(&self) -> Option<i32> {
        match self.state {
            State::Running { pid, birth, .. } => {
                (super::record::birth(pid) == Some(birth)).then_some(pid)
            }
            _ => None,
        }
    }

    /// The first process's number; otherwise an error that says that it does not run.
    pub fn running_pid(&self) -> Result<i32> {
        self.pid().ok_or_else(|| anyhow!("container {} is not running", self.config.name))
    }

    /// Waits until no runtime looks after it any more, so that its end has been written down.
    pub fn wait_released(&self) -> Result<()> {
        if self.dir.exists() {
            lock(&self.dir, FlockArg::LockShared)?;
        }
        Ok(())
    }
}

impl Held {
    /// Writes down that it runs.
    pub fn running(&mut self, pid: i32) -> Result<()> {
        let birth = super::record::birth(pid).unwrap_or_default();
        self.container.state = State::Running { pid, birth, started: now() };
        self.container.save_state()
    }

    /// Removes what was written down of one that never ran.
    pub fn forget(self, containers: &Containers) -> Result<()> {
        let removed = containers.remove(&self.container);
        let _ = fs::remove_file(&self.live);
        removed
    }

    /// Writes down that it has ended, and looks after it no longer.
    pub fn exited(mut self, code: u8, reason: Option<String>) -> Result<Container> {
        self.container.state = State::Exited { code, finished: now(), reason };
        self.container.save_state()?;
        let _ = fs::remove_file(&self.live);
        Ok(self.container)
    }
}

fn lock(dir: &Path, how: FlockArg) -> Result<Flock<File>> {
    let file = File::open(dir).with_context(|| format!("store: opening {}", dir.display()))?;
    Flock::lock(file, how)
        .map_err(|(_, errno)| errno)
        .with_context(|| format!("store: locking {}", dir.display()))
}

/// A name or an id becomes a file's name: it must not be a path.
fn file_name(name: &str) -> Result<&str> {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphanumeric());
    let rest = chars.all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if first && rest && name.len() <= 128 {
        return Ok(name);
    }
    bail!(
        "store: bad container name {name:?}: expected a letter or digit, then letters, digits, \
         '_', '.' or '-'"
    )
}

/// An ordinary user's container may have files of subordinate ids, which only the root of a user
/// namespace may remove.
fn remove_tree(dir: &Path) -> Result<()> {
    let doing = format!("store: removing {}", dir.display());
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let dir = dir.to_owned();
            let mut layers = Stack::default();
            layers.top(UserNamespace::new(Userns::Auto));
            errand::run("store", layers, move || fs::remove_dir_all(dir).context(doing))
        }
        removed => removed.context(doing),
    }
}
