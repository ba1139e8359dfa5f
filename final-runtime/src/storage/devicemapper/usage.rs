//! What a snapshot takes.

use anyhow::{Context, Result};

use super::{block::SECTOR, mappings::Mappings, records::Thin, session::Session};

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
        self.release()?;
        Ok(count? * self.records.block_size)
    }

    /// Has the pool keep its records as they are now, and says where. All blocks that are in them
    /// stay taken until it lets go of them, also those of devices that are removed meanwhile.
    fn reserve(&self) -> Result<u64> {
        self.message("reserve_metadata_snap")?;
        self.status()?.held.context("the pool does not say where its records are")
    }

    /// Has it let go of them, which a killed process leaves to the next.
    pub(super) fn release(&self) -> Result<()> {
        self.message("release_metadata_snap")
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
