//! `diff`: what a container has changed.

use anyhow::{Context, Result};

use crate::{storage::Changed, store::Store};

/// List what a container has added (A), changed (C) and deleted (D)
#[derive(clap::Args)]
pub struct Args {
    /// Name, id, or the beginning of an id
    container: String,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let container = store.containers.find(&self.container)?;
        let tell = |changed: Changed| {
            changed.list()?.iter().for_each(|change| println!("{change}"));
            Ok(())
        };
        store.containers.changed(&container, tell).context("diff")?;
        Ok(0)
    }
}
