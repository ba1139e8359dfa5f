//! `pause`: let a container stand still.

use anyhow::Result;
use step07::Explain;

use super::Global;

/// Let a container stand still
#[derive(clap::Args)]
pub struct Args {
    /// Its id
    pub id: String,
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        let container = global.container(&self.id)?;
        container.must_run("pause")?;
        container.record.group().freeze(&Explain::new(global.explain))?;
        Ok(0)
    }
}
