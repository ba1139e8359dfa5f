//! `resume`: let a container that was paused go on.

use anyhow::{Result, ensure};
use step07::Explain;

use super::Global;
use crate::spec::Status;

/// Let a container that was paused go on
#[derive(clap::Args)]
pub struct Args {
    /// Its id
    pub id: String,
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        let container = global.container(&self.id)?;
        let status = container.must_run("resume")?;
        ensure!(status == Status::Paused, "resume: container {} is not paused", self.id);
        container.record.group().thaw(&Explain::new(global.explain))?;
        Ok(0)
    }
}
