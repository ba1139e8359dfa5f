//! `export`: a container's root file system as an archive.

use std::{
    fs::{self, File},
    io::{IsTerminal, stdout},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use step07::Tree;

use crate::{
    archive::{Compress, Source, pack},
    store::Store,
};

/// Write a container's root file system as an archive, without what is mounted in it
#[derive(clap::Args)]
pub struct Args {
    /// Where to [default: standard output]
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,

    /// Name, id, or the beginning of an id
    container: String,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let container = store.containers.find(&self.container)?;
        let Some(path) = self.output else {
            let at_terminal = stdout().is_terminal();
            ensure!(!at_terminal, "export: standard output is a terminal: use --output PATH");
            let write = |root: std::os::fd::BorrowedFd| {
                let tree = Tree::new(root.try_clone_to_owned()?, Path::new("/"));
                pack(Source::Whole(&tree), stdout(), Compress::No).map(drop)
            };
            return store.containers.look(&container, write).context("export").map(|()| 0);
        };
        let new = !path.exists();
        let named = format!("export: writing {}", path.display());
        let file = File::create(&path).context(named.clone())?;
        let written = store.containers.look(&container, move |root| {
            let tree = Tree::new(root.try_clone_to_owned()?, Path::new("/"));
            pack(Source::Whole(&tree), &file, Compress::No).map(drop)
        });
        if written.is_err() && new {
            let _ = fs::remove_file(&path);
        }
        written.context(named).map(|()| 0)
    }
}
