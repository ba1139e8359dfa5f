//! `resume`: let a container that was paused go on.

use anyhow::Result;
use step07::Explain;

use super::Global;

/// Let a container that was paused go on
#[derive(clap::Args)]
pub struct Args {
    /// Its id
    pub id: String,
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        let container = global.container(&self.id)?;
        container.must_run("resume")?;
        container.record.group().thaw(&Explain::new(global.explain))?;
        Ok(0)
    }
}
