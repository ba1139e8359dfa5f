//! What a snapshot takes.

use anyhow::{Context, Result};
use nix::errno::Errno;

use super::{block::SECTOR, control::is, mappings::Mappings, records::Thin, session::Session};

impl Session<'_> {
    /// Bytes in blocks that only this device has.
    pub fn exclusive(&mut self, thin: &Thin) -> Result<u64> {
        let Some(parts) = self.records.backing.parts(&self.driver.dir) else {
            return self.mapped(thin); // the pool's records are not ours to read
        };
        let root = self.reserve()?;
        let metadata = parts.metadata.open();
        let count =
            metadata.and_then(|metadata| Mappings { metadata: &metadata, root }.exclusive(thin.id));
        self.message("release_metadata_snap")?;
        Ok(count? * self.records.block_size)
    }

    /// Has the pool keep its records as they are now, and says where.
    fn reserve(&self) -> Result<u64> {
        let reserved = self.message("reserve_metadata_snap");
        if reserved.as_ref().is_err_and(|error| is(error, Errno::EBUSY)) {
            // It keeps what a killed process has asked for.
            self.message("release_metadata_snap")?;
            self.message("reserve_metadata_snap")?;
        } else {
            reserved?;
        }
        self.status()?.held.context("the pool does not say where its records are")
    }

    /// Bytes that are mapped to blocks, whoever else has the same blocks.
    fn mapped(&mut self, thin: &Thin) -> Result<u64> {
        self.activate(thin)?;
        let status = self.control.status(&self.device_name(thin.id));
        self.held.devices.remove(&thin.id);
        let sectors = status?.first().and_then(|line| line.words.split(' ').next()?.parse().ok());
        let sectors: u64 = sectors.context("the device says nothing of its blocks")?;
        Ok(sectors * SECTOR)
    }
}
