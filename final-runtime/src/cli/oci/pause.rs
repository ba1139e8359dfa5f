//! `pause`: let a container stand still.

use anyhow::{Result, ensure};
use step07::Explain;

use super::Global;
use crate::spec::Status;

/// Let a container stand still
#[derive(clap::Args)]
pub struct Args {
    /// Its id
    pub id: String,
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        let container = global.container(&self.id)?;
        let status = container.must_run("pause")?;
        ensure!(status != Status::Paused, "pause: container {} is paused already", self.id);
        container.record.group().freeze(&Explain::new(global.explain))?;
        Ok(0)
    }
}
