//! `load`: images from an archive or a directory.

use std::{
    io::{IsTerminal, stdin},
    path::PathBuf,
};

use anyhow::{Result, ensure};

use crate::{
    image::{platform::Platform, reference::Reference},
    store::Store,
};

/// Load images from an archive or a directory
///
/// An OCI image layout, or what `docker save` makes; archives may be compressed.
#[derive(clap::Args)]
pub struct Args {
    /// The archive or directory [default: standard input]
    #[arg(short, long, value_name = "PATH")]
    input: Option<PathBuf>,

    /// What to call images of which it is known but the tag [default: the file's name]
    #[arg(long, value_name = "NAME")]
    name: Option<Reference>,

    /// Which image of several for different machines [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let platform = self.platform.unwrap_or_else(Platform::own);
        let loaded = match &self.input {
            Some(path) => {
                let stem = || path.file_name()?.to_str()?.split('.').next()?.parse().ok();
                let repository = self.name.or_else(stem);
                store.images.load(path, repository.as_ref(), &platform)?
            }
            None => {
                let at_terminal = stdin().is_terminal();
                ensure!(!at_terminal, "image: standard input is a terminal: use --input PATH");
                store.images.load_from(stdin(), self.name.as_ref(), &platform)?
            }
        };
        for (image, names) in loaded {
            names.iter().for_each(|name| println!("Loaded image: {}", name.familiar()));
            if names.is_empty() {
                println!("Loaded image: {}", store.images.id_of(&image)?);
            }
        }
        Ok(0)
    }
}
