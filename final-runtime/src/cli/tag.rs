//! `tag`: one more name for an image.

use anyhow::{Result, ensure};

use crate::{image::reference::Reference, store::Store};

/// Give an image one more name
#[derive(clap::Args)]
pub struct Args {
    /// Its name, its id, or the beginning of its id
    image: String,

    /// The new name
    #[arg(value_name = "NAME[:TAG]")]
    name: Reference,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        ensure!(self.name.digest.is_none(), "image: {}: a digest is not given", self.name);
        let _kept = store.images.keep()?;
        let image = store.images.find(&self.image)?;
        store.images.tag(&image, &self.name)?;
        Ok(0)
    }
}
