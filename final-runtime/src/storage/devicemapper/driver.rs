//! The pool as a storage driver.

use std::{fs::OpenOptions, path::Path};

use anyhow::{Context, Result};
use step07::{Explain, bytes};

use super::{
    DeviceMapper,
    filesystem::Filesystem,
    records::{BASE, Backing, Records, Thin},
    session::Session,
    table::METADATA_BLOCK,
};
use crate::storage::{Access, Driver, Key, Root};

/// What a snapshot can hold, if nothing else is asked for.
const BASE_SIZE: u64 = 10 << 30;

impl Driver for DeviceMapper {
    fn name(&self) -> &'static str {
        "devicemapper"
    }

    fn prepare(&self, key: &Key, parent: Option<&Key>) -> Result<()> {
        let mut session = Session::begin(self)?;
        session.delete(key.as_str())?; // what a killed process has left of the same name
        let origin = match parent {
            Some(parent) => session.records.device(parent.as_str())?.clone(),
            None => self.base(&mut session)?,
        };
        let id = session.records.free_id()?;
        let thin = Thin { id, sealed: None, ..origin.clone() };
        session.create(key.as_str(), thin, Some(origin.id))
    }

    fn root(&self, chain: &[Key], access: Access) -> Result<Root> {
        let mut session = Session::begin(self)?;
        let key = chain.first().context("there is no such snapshot")?;
        let thin = session.records.device(key.as_str())?.clone();
        if access == Access::Write {
            session.ensure_room()?;
        }
        let filesystem = thin.filesystem.context("there is no file system on it")?;
        let options = filesystem.options(access, thin.sealed.is_some());
        let path = session.activate(&thin)?;
        Ok(Root::Device { path, filesystem: filesystem.name(), options })
    }

    fn put(&self, key: &Key) -> Result<()> {
        let records = Records::load(&self.dir)?;
        let thin = records.and_then(|mut records| records.devices.remove(key.as_str()));
        if let Some(thin) = thin {
            self.held.borrow_mut().devices.remove(&thin.id);
        }
        Ok(())
    }

    fn seal(&self, key: &Key) -> Result<()> {
        let mut session = Session::begin(self)?;
        let thin = session.records.device(key.as_str())?.clone();
        session.deactivate(thin.id)?; // nobody may have it mounted
        let path = session.activate(&thin)?;
        flush(&path)?;
        session.deactivate(thin.id)?;
        session.seal(key.as_str(), thin.filesystem).map(drop)
    }

    fn remove(&self, key: &Key) -> Result<()> {
        match Records::load(&self.dir)? {
            Some(_) => Session::begin(self)?.delete(key.as_str()),
            None => Ok(()), // and no pool is made for it
        }
    }

    fn usage(&self, key: &Key) -> Result<u64> {
        let mut session = Session::begin(self)?;
        let thin = session.records.device(key.as_str())?.clone();
        match thin.sealed {
            Some(own) => Ok(own), // though others have the same blocks by now
            None => session.exclusive(&thin),
        }
    }

    fn keys(&self) -> Result<Vec<Key>> {
        let records = Records::load(&self.dir)?;
        let names = records.into_iter().flat_map(|records| records.devices.into_keys());
        Ok(names.filter_map(|name| name.parse().ok()).collect())
    }

    fn mend(&self) -> Result<Vec<String>> {
        match Records::load(&self.dir)? {
            Some(_) => Session::begin(self)?.mend(),
            None => Ok(Vec::new()),
        }
    }

    fn narrate(&self, explain: Explain) {
        self.explain.set(explain);
    }

    fn info(&self) -> Result<Vec<(&'static str, String)>> {
        let session = Session::begin(self)?;
        let (pool, status) = (session.pool(), session.status()?);
        let of = |blocks: u64, size: u64| bytes(blocks * size);
        let block = session.records.block_size;
        let backing = match &session.records.backing {
            Backing::Files => format!("files in {}", self.dir.display()),
            Backing::Devices(devices) => devices.data.display().to_string(),
            Backing::Pool { .. } => "a pool that was there".into(),
        };
        Ok(vec![
            ("pool", pool.name()),
            ("made of", backing),
            ("block size", bytes(block)),
            ("data used", of(status.data.used, block)),
            ("data in all", of(status.data.total, block)),
            ("data available", bytes(pool.room(&status)?.0)),
            ("metadata used", of(status.metadata.used, METADATA_BLOCK)),
            ("metadata in all", of(status.metadata.total, METADATA_BLOCK)),
            ("snapshots", session.records.devices.len().to_string()),
        ])
    }
}

impl DeviceMapper {
    /// The empty file system, which is made with the first snapshot.
    fn base(&self, session: &mut Session) -> Result<Thin> {
        match session.records.device(BASE) {
            Ok(base) if base.sealed.is_some() => return Ok(base.clone()),
            _ => session.delete(BASE)?, // half made
        }
        let size = self.options.base_size.unwrap_or(BASE_SIZE);
        let filesystem = self.options.filesystem.unwrap_or(Filesystem::Ext4);
        filesystem.ensure_size(size)?;
        let id = session.records.free_id()?;
        session.create(BASE, Thin { id, size, filesystem: None, sealed: None }, None)?;
        self.format(session, filesystem).inspect_err(|_| drop(session.delete(BASE)))
    }

    fn format(&self, session: &mut Session, filesystem: Filesystem) -> Result<Thin> {
        let base = session.records.device(BASE)?.clone();
        let path = session.activate(&base)?;
        filesystem.make(&path, &self.explain.get())?;
        flush(&path)?;
        session.deactivate(base.id)?;
        session.seal(BASE, Some(filesystem))
    }
}

/// Has all that was written to a device on the disk: it is the pool's too, and the file's.
fn flush(device: &Path) -> Result<()> {
    let opened = OpenOptions::new().read(true).write(true).open(device);
    let flushed = opened.and_then(|device| device.sync_all());
    flushed.with_context(|| format!("writing {} to the disk", device.display()))
}
