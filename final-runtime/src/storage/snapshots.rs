//! What all drivers have in common: which snapshots there are, whose parent is whose, what may be
//! removed, and what a crash has left.
//!
//! A record is written before the driver begins and after it has ended, so that whatever is killed
//! half-way is found: by its record, or by the driver as something without one. One lock is held
//! for moments; another, on one snapshot, as long as it is being filled.

use std::{
    fs::File,
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use super::{
    Access, Driver, Key, Root, Whiteouts, mounted,
    record::{Record, Records, Stage},
};
use crate::{
    lifecycle::lock::{self, Lock},
    store::make_dir,
};

/// A driver's snapshots.
pub struct Snapshots {
    dir: PathBuf,
    records: Records,
    driver: Box<dyn Driver>,
}

impl Snapshots {
    /// Those that `driver` has in `dir`, its directory.
    pub fn open(dir: &Path, driver: Box<dyn Driver>) -> Result<Self> {
        make_dir(dir)?;
        make_dir(&dir.join("filling"))?;
        let records = Records::open(dir.join("records"))?;
        Ok(Self { dir: dir.to_owned(), records, driver })
    }

    /// The driver.
    pub fn driver(&self) -> &dyn Driver {
        self.driver.as_ref()
    }

    /// The record of a snapshot; `None` if there is none, or one that is not finished.
    pub fn get(&self, key: &Key) -> Result<Option<Record>> {
        Ok(self.records.get(key)?.filter(|record| record.stage != Stage::Unfinished))
    }

    /// Whether it is there and sealed.
    pub fn is_sealed(&self, key: &Key) -> Result<bool> {
        Ok(self.get(key)?.is_some_and(|record| record.stage == Stage::Sealed))
    }

    /// Makes a snapshot that can be written to: as `parent` is, or empty.
    pub fn prepare(&self, key: &Key, parent: Option<&Key>) -> Result<()> {
        let _lock = self.lock()?;
        if self.records.get(key)?.is_some() {
            bail!("storage: there is a snapshot {key} already");
        }
        if let Some(parent) = parent {
            ensure!(self.is_sealed(parent)?, "storage: there is no layer {parent} to stand on");
        }
        self.make(key, parent)
    }

    fn make(&self, key: &Key, parent: Option<&Key>) -> Result<()> {
        let record = Record { parent: parent.cloned(), stage: Stage::Unfinished };
        self.records.set(key, &record)?;
        let made = self.driver.prepare(key, parent);
        if let Err(error) = made {
            let _ = self.unmake(key);
            let doing = format!("storage: {}: making snapshot {key}", self.driver.name());
            return Err(error.context(doing));
        }
        self.records.set(key, &Record { stage: Stage::Open, ..record })
    }

    /// Makes a sealed snapshot of what `fill` puts on top of `parent`; complete, or not at all. One
    /// that is there is taken as it is, and one that another process is filling is waited for.
    pub fn fill(
        &self,
        key: &Key,
        parent: Option<&Key>,
        fill: impl FnOnce(BorrowedFd, Whiteouts) -> Result<()> + 'static,
    ) -> Result<()> {
        let _filling = self.lock_one(key)?;
        if self.is_sealed(key)? {
            return Ok(());
        }
        self.remove(key)?; // half filled, by one who was killed
        self.prepare(key, parent)?;
        let filled = self.fill_open(key, fill).and_then(|()| self.seal(key));
        if filled.is_err() {
            let _ = self.remove(key);
        }
        filled
    }

    fn fill_open(
        &self,
        key: &Key,
        fill: impl FnOnce(BorrowedFd, Whiteouts) -> Result<()> + 'static,
    ) -> Result<()> {
        let (root, whiteouts) = {
            let _lock = self.lock()?;
            self.driver.staging(&self.chain(key)?)?
        };
        let filled = mounted::with(&root, Access::Write, move |dir| fill(dir, whiteouts));
        filled.and(self.put(key))
    }

    /// Sees to it that it stays as it is, so that others can be made from it.
    pub fn seal(&self, key: &Key) -> Result<()> {
        let _lock = self.lock()?;
        let record = self.known(key)?;
        if record.stage == Stage::Open {
            let doing = || format!("storage: {}: sealing {key}", self.driver.name());
            self.driver.seal(key).with_context(doing)?;
            self.records.set(key, &Record { stage: Stage::Sealed, ..record })?;
        }
        Ok(())
    }

    /// The snapshot and those below it, itself first.
    pub fn chain(&self, key: &Key) -> Result<Vec<Key>> {
        let mut chain = vec![key.clone()];
        let mut parent = self.known(key)?.parent;
        while let Some(key) = parent {
            ensure!(!chain.contains(&key), "storage: snapshot {key} stands on itself");
            parent = self.known(&key)?.parent;
            chain.push(key);
        }
        Ok(chain)
    }

    /// How to mount it. What this took from the host, [`put`](Self::put) gives back.
    pub fn root(&self, key: &Key, access: Access) -> Result<Root> {
        let record = self.known(key)?;
        if access == Access::Write && record.stage != Stage::Open {
            bail!("storage: layer {key} is not to be written to");
        }
        let doing = || format!("storage: {}: opening {key}", self.driver.name());
        let _lock = self.lock()?;
        self.driver.root(&self.chain(key)?, access).with_context(doing)
    }

    /// Gives back what [`root`](Self::root) took.
    pub fn put(&self, key: &Key) -> Result<()> {
        let _lock = self.lock()?;
        self.driver.put(key).with_context(|| format!("storage: {}: closing {key}", self.name()))
    }

    /// Calls `act` with the root directory of a snapshot, as one who may read all of it.
    pub fn look(
        &self,
        key: &Key,
        act: impl FnOnce(BorrowedFd) -> Result<()> + 'static,
    ) -> Result<()> {
        let root = self.root(key, Access::Read)?;
        let looked = mounted::with(&root, Access::Read, act);
        looked.and(self.put(key))
    }

    /// The same to change them. It must not be sealed.
    pub fn change(
        &self,
        key: &Key,
        act: impl FnOnce(BorrowedFd) -> Result<()> + 'static,
    ) -> Result<()> {
        let root = self.root(key, Access::Write)?;
        let changed = mounted::with(&root, Access::Write, act);
        changed.and(self.put(key))
    }

    /// Removes a snapshot. One that is not there is no error; one that others stand on is.
    pub fn remove(&self, key: &Key) -> Result<()> {
        let _lock = self.lock()?;
        if let Some((child, _)) = self.children(key)?.first() {
            bail!("storage: layer {key} is in use: {child} stands on it");
        }
        match self.records.get(key)? {
            None => Ok(()),
            Some(record) => {
                self.records.set(key, &Record { stage: Stage::Unfinished, ..record })?;
                self.unmake(key)
            }
        }
    }

    fn unmake(&self, key: &Key) -> Result<()> {
        let removed = self.driver.put(key).and_then(|()| self.driver.remove(key));
        removed.with_context(|| format!("storage: {}: removing {key}", self.name()))?;
        self.records.forget(key)
    }

    /// All of them, with what they take on the disk.
    pub fn all(&self) -> Result<Vec<(Key, Record)>> {
        let all = self.records.all()?.into_iter();
        Ok(all.filter(|(_, record)| record.stage != Stage::Unfinished).collect())
    }

    /// Bytes on the disk that would be free again without it.
    pub fn usage(&self, key: &Key) -> Result<u64> {
        self.known(key)?;
        self.driver.usage(key).with_context(|| format!("storage: measuring {key}"))
    }

    /// Removes what killed programs have left half made, and finds what has been lost. One line for
    /// each thing that was mended; an error if something is lost.
    pub fn check(&self) -> Result<Vec<String>> {
        let mut mended = {
            let _lock = self.lock()?;
            self.driver.mend().with_context(|| format!("storage: mending {}", self.name()))?
        };
        let rubbish = |record: &Record| record.stage == Stage::Unfinished;
        for (key, _) in self.records.all()?.into_iter().filter(|(_, record)| rubbish(record)) {
            // Whoever is at it holds one of the two locks.
            let Some(_filling) = self.try_lock_one(&key)? else { continue };
            let _lock = self.lock()?;
            if self.records.get(&key)?.as_ref().is_some_and(rubbish) {
                self.unmake(&key)?;
                mended.push(format!("removed {key}, which was half made"));
            }
        }
        let _lock = self.lock()?;
        let there = self.driver.keys()?;
        for key in &there {
            if self.records.get(key)?.is_none() {
                self.driver.put(key).and_then(|()| self.driver.remove(key))?;
                mended.push(format!("removed {key}, of which nothing was written down"));
            }
        }
        let lost: Vec<_> = self.records.all()?.into_iter().map(|(key, _)| key).collect();
        let lost: Vec<_> =
            lost.iter().filter(|key| !there.contains(key)).map(Key::as_str).collect();
        ensure!(lost.is_empty(), "storage: {}: lost: {}", self.name(), lost.join(", "));
        Ok(mended)
    }

    fn name(&self) -> &'static str {
        self.driver.name()
    }

    fn known(&self, key: &Key) -> Result<Record> {
        self.get(key)?.with_context(|| format!("storage: there is no snapshot {key}"))
    }

    fn children(&self, key: &Key) -> Result<Vec<(Key, Record)>> {
        let mut all = self.records.all()?;
        all.retain(|(_, record)| record.parent.as_ref() == Some(key));
        Ok(all)
    }

    fn lock(&self) -> Result<Lock> {
        lock::lock(&self.dir).context("storage")
    }

    /// The lock of those who fill a snapshot.
    fn lock_one(&self, key: &Key) -> Result<Lock> {
        lock::lock(&self.filling(key)?).context("storage")
    }

    fn try_lock_one(&self, key: &Key) -> Result<Option<Lock>> {
        lock::try_lock(&self.filling(key)?).context("storage")
    }

    /// The directory whose lock it is. There are only so many, which never go: a lock on one that
    /// somebody removes and makes anew would be two. Snapshots that share one wait for each other.
    fn filling(&self, key: &Key) -> Result<PathBuf> {
        let sum = key.as_str().bytes().fold(0_u8, u8::wrapping_add);
        let dir = self.dir.join("filling").join(format!("{:02}", sum % 64));
        make_dir(&dir)?;
        Ok(dir)
    }
}

/// Sees to it that all of a file system is on the disk. See syncfs(2).
pub(super) fn sync(dir: &Path) -> Result<()> {
    let file = File::open(dir).with_context(|| format!("opening {}", dir.display()))?;
    nix::unistd::syncfs(file).with_context(|| format!("syncing {}", dir.display()))
}
