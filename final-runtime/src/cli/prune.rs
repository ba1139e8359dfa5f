//! `prune`: makes room.

use anyhow::Result;

use super::megabytes;
use crate::store::Store;

/// Remove images without a name, and all that no image needs
///
/// What a container was made from stays as long as the container does.
#[derive(clap::Args)]
pub struct Args {
    /// Remove all images from which there is no container
    #[arg(short, long)]
    all: bool,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let swept = store.images.prune(self.all, &|| store.containers.manifests())?;
        swept.told.iter().for_each(|line| println!("{line}"));
        println!("Freed: {}", megabytes(swept.bytes));
        Ok(0)
    }
}
