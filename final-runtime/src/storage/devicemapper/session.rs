//! One act on the pool, by one process at a time: the records are read, the pool is made active, and
//! what a killed process has left half done is settled.

use std::{cell::RefMut, collections::BTreeMap, path::Path, rc::Rc};

use anyhow::{Context, Result};

use super::{
    DeviceMapper,
    change::{Change, Unsettled},
    control::Control,
    device::Hold,
    filesystem::Filesystem,
    pool::{Active, Pool},
    records::{Records, Thin},
    setup,
    status::Status,
};
use crate::lifecycle::lock::{self, Lock};

/// What this process keeps open, so that the kernel keeps it.
#[derive(Default)]
pub struct Held {
    /// Devices of the pool, by number. They go first.
    pub devices: BTreeMap<u32, Hold>,
    /// The pool.
    pub pool: Option<Active>,
}

/// The pool, for the time of one act.
pub struct Session<'a> {
    pub(super) driver: &'a DeviceMapper,
    pub(super) control: Rc<Control>,
    pub(super) records: Records,
    pub(super) held: RefMut<'a, Held>,
    /// What was settled, one line each.
    pub mended: Vec<String>,
    _lock: Lock,
}

impl<'a> Session<'a> {
    /// Begins. Whoever else wants to waits until this is dropped.
    pub fn begin(driver: &'a DeviceMapper) -> Result<Self> {
        let lock = lock::lock(&driver.dir)?;
        let explain = driver.explain.get();
        let control = Rc::new(Control::open(explain)?);
        let records = setup::records(&driver.dir, &driver.options, &control, &explain)?;
        let held = driver.held.borrow_mut();
        let mended = Vec::new();
        let mut session = Self { driver, control, records, held, mended, _lock: lock };
        if session.held.pool.is_none() {
            session.held.pool = Some(session.pool().hold()?);
        }
        session.settle()?;
        Ok(session)
    }

    pub(super) fn pool(&self) -> Pool<'_> {
        let DeviceMapper { options, dir, explain, .. } = self.driver;
        Pool {
            control: &self.control,
            records: &self.records,
            options,
            dir,
            explain: explain.get(),
        }
    }

    /// The number of the pool's device.
    pub(super) fn pool_number(&self) -> Result<u64> {
        Ok(self.held.pool.as_ref().context("the pool is not active")?.number)
    }

    /// How the pool is.
    pub fn status(&self) -> Result<Status> {
        self.pool().status()
    }

    /// An error if the pool has little room left.
    pub fn ensure_room(&self) -> Result<()> {
        self.pool().ensure_room(&self.status()?)
    }

    /// Steps 1 to 4 of a change, see `records.rs`; `act` is the second. What fails is undone.
    pub(super) fn change(
        &mut self,
        change: Change,
        act: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.records.pending = Some(change.clone());
        self.save()?;
        if let Err(error) = act(self) {
            // What cannot be settled now, the next one settles.
            let _ = self.settle();
            return Err(error);
        }
        self.count()?;
        self.complete(change)
    }

    /// Completes or undoes what was begun.
    fn settle(&mut self) -> Result<()> {
        let Status { transaction, held, .. } = self.status()?;
        if held.is_some() && self.records.backing.parts(self.dir()).is_some() {
            self.release()?;
            self.mended.push("let go of records that the pool kept for a killed process".into());
        }
        let Some(unsettled) = self.records.unsettled(transaction)? else { return Ok(()) };
        match unsettled {
            Unsettled::Note(change) => {
                self.mended.push(format!("noted {change}, which was done"));
                self.complete(change)
            }
            Unsettled::Undo(change) => {
                self.go_on(&change)?;
                self.erase(change.id())?;
                self.mended.push(format!("undid {change}, which was half done"));
                self.records.pending = None;
                self.save()
            }
            Unsettled::Again(change) => {
                self.erase(change.id())?;
                self.mended.push(format!("finished {change}, which was half done"));
                self.count()?;
                self.complete(change)
            }
        }
    }

    /// Step 3.
    fn count(&self) -> Result<()> {
        let now = self.records.transaction;
        self.message(&format!("set_transaction_id {now} {}", now + 1))
    }

    /// Step 4.
    fn complete(&mut self, change: Change) -> Result<()> {
        self.records.complete(change);
        self.save()
    }

    /// Notes that a device is not to be changed any more, and what is on it.
    pub fn seal(&mut self, name: &str, filesystem: Option<Filesystem>) -> Result<Thin> {
        let mut thin = self.records.device(name)?.clone();
        (thin.sealed, thin.filesystem) = (Some(self.exclusive(&thin)?), filesystem);
        self.records.devices.insert(name.to_owned(), thin.clone());
        self.save().map(|()| thin)
    }

    pub(super) fn save(&self) -> Result<()> {
        self.records.save(self.dir())
    }

    pub(super) fn message(&self, text: &str) -> Result<()> {
        self.control.message(&self.pool().name(), text)
    }

    fn dir(&self) -> &Path {
        &self.driver.dir
    }
}
