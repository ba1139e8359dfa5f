//! `rm`: forgets containers, with what they changed.

use anyhow::{Result, bail};

use super::{each, stop::end};
use crate::store::Store;

/// Remove containers that do not run
#[derive(clap::Args)]
pub struct Args {
    /// Kill one that runs
    #[arg(short, long)]
    force: bool,

    /// Names, ids, or beginnings of ids
    #[arg(required = true)]
    containers: Vec<String>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        store.recover()?;
        each(&self.containers, |name| {
            let container = store.containers.find(name)?;
            if container.pid().is_some() && !self.force {
                bail!("rm: container {name} runs: stop it first, or use --force");
            }
            end(&container, &[(libc::SIGKILL, None)])?;
            if !container.config.auto_remove || container.dir.exists() {
                store.containers.remove(&container)?;
            }
            Ok(())
        })
    }
}
