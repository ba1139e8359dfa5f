//! `events`: what a container uses, and when it runs out of memory.

use anyhow::{Result, bail};

use super::Global;

/// Tell what a container uses
#[derive(clap::Args)]
pub struct Args {
    /// Once
    #[arg(long)]
    stats: bool,

    /// How often, as in 5s
    #[arg(long, default_value = "5s")]
    interval: String,

    /// Its id
    id: String,
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        let _ = (self.stats, &self.interval, global.container(&self.id)?);
        bail!("events: not yet")
    }
}
