//! `rmi`: forgets images.

use anyhow::Result;

use crate::store::Store;

/// Remove images, or names of images
///
/// What a container was made from stays as long as the container does.
#[derive(clap::Args)]
pub struct Args {
    /// Remove one that is named by its id with all its names
    #[arg(short, long)]
    force: bool,

    /// Names, ids, or beginnings of ids
    #[arg(required = true)]
    images: Vec<String>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let mut result = Ok(0);
        for image in &self.images {
            match store.images.remove(image, self.force, &|| store.containers.manifests()) {
                Ok(swept) => swept.told.iter().for_each(|line| println!("{line}")),
                Err(error) if result.is_ok() => result = Err(error),
                Err(error) => eprintln!("final-runtime: {error:#}"),
            }
        }
        result
    }
}
