//! `import`: an image from an archive of a root file system.

use std::{
    fs::File,
    io::stdin,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    image::{Words, instruction::Instruction, platform::Platform, reference::Reference},
    store::Store,
};

/// Make an image of one layer from an archive of a root file system
#[derive(clap::Args)]
pub struct Args {
    /// What is said of it
    #[arg(short, long)]
    message: Option<String>,

    /// Change its configuration, as in 'CMD ["sh"]'; may be given more than once
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<Instruction>,

    /// What it is for [default: this machine]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,

    /// The archive, which may be compressed; `-` is standard input
    file: PathBuf,

    /// What to call it
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<Reference>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let words =
            Words { name: self.name, message: self.message, author: None, changes: self.change };
        let platform = self.platform.unwrap_or_else(Platform::own);
        let named = || format!("image: importing {}", self.file.display());
        let image = if self.file == Path::new("-") {
            store.images.import(stdin(), platform, &words)
        } else {
            let file = File::open(&self.file).with_context(named)?;
            store.images.import(file, platform, &words)
        };
        println!("{}", image.with_context(named)?.id());
        Ok(0)
    }
}
