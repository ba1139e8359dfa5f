//! `save`: images as an archive or a directory.

use std::{
    fs::{self, File},
    io::{IsTerminal, stdout},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::{
    image::{Wanted, reference::Reference},
    store::Store,
};

/// Save images as an archive, or as an OCI image layout in a directory
///
/// The archive is such a layout too, and also what Docker and podman load.
#[derive(clap::Args)]
pub struct Args {
    /// Where to [default: standard output]
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,

    /// Make a directory
    #[arg(long, requires = "output")]
    dir: bool,

    /// Names, ids, or beginnings of ids
    #[arg(required = true)]
    images: Vec<String>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let _kept = store.images.keep()?;
        let images = wanted(store, &self.images)?;
        match &self.output {
            Some(path) if self.dir => store.images.save_in(&images, path)?,
            Some(path) => save(store, &images, path)?,
            None => {
                let at_terminal = stdout().is_terminal();
                ensure!(!at_terminal, "image: standard output is a terminal: use --output PATH");
                store.images.save(&images, stdout().lock())?;
            }
        }
        Ok(0)
    }
}

/// Each image once, with the names by which it was asked for. One that was asked for by its id goes
/// without a name.
fn wanted(store: &Store, asked: &[String]) -> Result<Vec<Wanted>> {
    let mut images: Vec<Wanted> = Vec::new();
    for text in asked {
        let image = store.images.find(text)?;
        let tagged = |name: &Reference| name.tag.is_some();
        let name = image.name.clone().filter(|name| image.is_called(text) && tagged(name));
        let name = name.map(|name| Reference { digest: None, ..name });
        let same = |other: &&mut Wanted| other.0.descriptor.digest == image.descriptor.digest;
        match images.iter_mut().find(same) {
            Some((_, names)) => names.extend(name),
            None => images.push((image, name.into_iter().collect())),
        }
    }
    Ok(images)
}

/// A new file is there whole or not at all.
fn save(store: &Store, images: &[Wanted], path: &Path) -> Result<()> {
    let new = !path.exists();
    let file = File::create(path).with_context(|| format!("image: saving {}", path.display()))?;
    let saved = store.images.save(images, file);
    if saved.is_err() && new {
        let _ = fs::remove_file(path);
    }
    saved
}
