//! `run --bundle`: `create`, `start` and, when the command has ended, `delete`.

use anyhow::Result;

use super::{Global, create::Making};
use crate::{oci, own_binary};

/// Make a container of a bundle and run its command
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    making: Making,

    /// Let it run in the background
    #[arg(short, long)]
    detach: bool,

    /// Do not delete it when it has ended
    #[arg(long)]
    keep: bool,

    /// Accepted: the runtime is no subreaper, since the container has a first process of its own
    #[arg(long, hide = true)]
    no_subreaper: bool,

    /// What to call it
    id: String,
}

impl Args {
    /// Whether it is certain that no image is meant.
    pub fn names_a_bundle(&self) -> bool {
        self.making.bundle.is_some()
    }

    pub fn run(self, global: &Global) -> Result<u8> {
        own_binary::protect()?;
        let create = self.making.create(global);
        oci::run(&global.root(), &self.id, &create, self.detach, self.keep)
    }
}
