//! `check`: what killed programs have left half made in the store is removed.

use anyhow::Result;

use crate::store::Store;

/// Mend what killed programs have left in the store, and tell what is lost
#[derive(clap::Args)]
pub struct Args {}

impl Args {
    /// One line for each thing that was mended; what is lost is an error.
    pub fn run(self, store: &Store) -> Result<u8> {
        store.recover(Default::default())?;
        for snapshots in store.drivers.all()? {
            let name = snapshots.driver().name();
            snapshots.check()?.iter().for_each(|mended| println!("{name}: {mended}"));
        }
        Ok(0)
    }
}
