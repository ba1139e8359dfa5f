//! Refusing what would need room in a pool that has little left, before it has none: a file system
//! whose device has no room loses what it was told to write.

use anyhow::{Context, Result, ensure};
use nix::sys::statvfs::statvfs;
use step07::bytes;

use super::{
    pool::Pool,
    records::Backing,
    status::{Blocks, Status},
    table::METADATA_BLOCK,
};

/// Percent that has to be free, if nothing else is asked for.
const LEAST_FREE: u8 = 10;

impl Pool<'_> {
    /// Percent that has to be free.
    pub fn least_free(&self) -> u64 {
        u64::from(self.options.min_free.unwrap_or(LEAST_FREE))
    }

    /// An error if less than that is free.
    pub fn ensure_room(&self, status: &Status) -> Result<()> {
        let files = self.records.backing == Backing::Files;
        let larger = |option| match files {
            true => format!("{option} makes it larger"),
            false => "a larger device makes it larger".into(),
        };
        let (free, total) = self.room(status)?;
        self.ensure("the pool", free, total, &larger("dm.loopdatasize"))?;
        let [free, total] =
            [status.metadata.free(), status.metadata.total].map(|blocks| blocks * METADATA_BLOCK);
        self.ensure("the pool's metadata", free, total, &larger("dm.loopmetadatasize"))
    }

    fn ensure(&self, what: &str, free: u64, total: u64, larger: &str) -> Result<()> {
        let least = self.least_free();
        let enough = u128::from(free) * 100 >= u128::from(total) * u128::from(least);
        let (free, total) = (bytes(free), bytes(total));
        ensure!(enough, "{what} has {free} of {total} left, less than {least} % ({larger})");
        Ok(())
    }

    /// Bytes that are free and bytes in all. A sparse file promises more than its file system may
    /// have: what is left there counts.
    pub fn room(&self, status: &Status) -> Result<(u64, u64)> {
        let Blocks { used, total } = status.data;
        let [used, total] = [used, total].map(|blocks| blocks * self.records.block_size);
        let mut free = total.saturating_sub(used);
        if self.records.backing == Backing::Files {
            let disk = statvfs(self.dir);
            let disk = disk.with_context(|| format!("looking at {}", self.dir.display()))?;
            free = free.min(disk.blocks_available() * disk.fragment_size());
        }
        Ok((free, used + free))
    }
}
