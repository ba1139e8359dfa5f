//! Devices in the pool: made, made active, removed. See thin-provisioning.rst, "Thin provisioning"
//! and "Internal snapshots".

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;

use super::{
    block,
    change::Change,
    control::{is, patiently},
    device::{self, Table, Wanted},
    records::Thin,
    session::Session,
    table,
};

impl Session<'_> {
    /// Makes a device: an empty one, or a snapshot of another.
    pub fn create(&mut self, name: &str, thin: Thin, origin: Option<u32>) -> Result<()> {
        self.ensure_room()?;
        let name = name.to_owned();
        let change = Change::Create { name, thin: thin.clone(), origin };
        let Thin { id, .. } = thin;
        self.change(change, |session| match origin {
            None => session.message(&format!("create_thin {id}")),
            Some(origin) => session.snapshot(id, origin),
        })
    }

    /// Whoever writes to the origin has to wait meanwhile.
    fn snapshot(&self, id: u32, origin: u32) -> Result<()> {
        let message = || self.message(&format!("create_snap {id} {origin}"));
        let origin = self.device_name(origin);
        match self.control.find(&origin)? {
            None => message(),
            Some(_) => {
                self.control.suspend(&origin)?;
                let made = message();
                let resumed = self.control.resume(&origin);
                made.and(resumed)
            }
        }
    }

    /// Lets whoever writes to the origin of a half made snapshot go on.
    pub(super) fn go_on(&self, change: &Change) -> Result<()> {
        let Change::Create { origin: Some(origin), .. } = change else { return Ok(()) };
        let origin = self.device_name(*origin);
        match self.control.find(&origin)? {
            Some(device) if device.suspended => self.control.resume(&origin),
            _ => Ok(()),
        }
    }

    /// Removes a device with all that is on it. One that is mounted is an error.
    pub fn delete(&mut self, name: &str) -> Result<()> {
        let Some(thin) = self.records.devices.get(name) else { return Ok(()) };
        let (name, id) = (name.to_owned(), thin.id);
        self.deactivate(id)?; // before anything is lost
        self.change(Change::Delete { name, id }, |session| {
            session.discard(id)?;
            session.erase(id)
        })
    }

    /// Gives the blocks that only this device has back to what the pool is made of. The pool itself
    /// would keep them to use them again, and the file would stay as long as it ever was.
    fn discard(&mut self, id: u32) -> Result<()> {
        let thin = self.records.devices.values().find(|thin| thin.id == id);
        let thin = thin.context("it is not written down")?.clone();
        let path = self.activate(&thin)?;
        let device = block::open_exclusively(&path);
        self.held.devices.remove(&id); // from now on it is there because of that one
        let discarded = device.and_then(|device| block::discard(&device, thin.size));
        match discarded {
            Err(error) if is(&error, Errno::EOPNOTSUPP) => Ok(()),
            discarded => discarded,
        }
    }

    /// Removes a device that may be there, from the kernel and from the pool.
    pub(super) fn erase(&mut self, id: u32) -> Result<()> {
        self.deactivate(id)?;
        match patiently(|| self.message(&format!("delete {id}"))) {
            Err(error) if is(&error, Errno::ENODATA) => Ok(()),
            erased => erased,
        }
    }

    /// Where the device is, for as long as this process holds it or somebody has it mounted.
    pub fn activate(&mut self, thin: &Thin) -> Result<PathBuf> {
        let target = table::thin(self.pool_number()?, thin.id, thin.size);
        let name = self.device_name(thin.id);
        let wanted = Wanted {
            name: &name,
            uuid: &format!("LAYERS-{}-{}", self.records.store, thin.id),
            table: &|| Ok(Table(target.clone(), Vec::new())),
            fits: &|found| {
                ensure!(*found == target, "{name} is another device than this store's");
                Ok(())
            },
        };
        let held = device::hold(&self.control, &wanted)?;
        let path = device::path(held.number);
        // One that was held before lets go of it only now, while there is another.
        self.held.devices.insert(thin.id, held);
        Ok(path)
    }

    /// Removes a device from the kernel, which nobody may have mounted.
    pub fn deactivate(&mut self, id: u32) -> Result<()> {
        self.held.devices.remove(&id);
        let name = self.device_name(id);
        match self.control.remove(&name) {
            Err(error) if is(&error, Errno::EBUSY) => {
                Err(error.context("it is mounted, or in use"))
            }
            removed => removed,
        }
    }

    /// Has all devices removed that nobody has open, and says what was settled.
    pub fn mend(mut self) -> Result<Vec<String>> {
        let own = format!("layers-{}-", self.records.store);
        for name in self.control.names()?.iter().filter(|name| name.starts_with(&own)) {
            self.control.remove_in_time(name)?;
        }
        Ok(std::mem::take(&mut self.mended))
    }

    pub(super) fn device_name(&self, id: u32) -> String {
        format!("layers-{}-{id}", self.records.store)
    }
}
