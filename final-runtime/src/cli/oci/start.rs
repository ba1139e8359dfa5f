//! `start`: lets a container that was made become its command.

use anyhow::Result;
use step07::Explain;

use super::Global;
use crate::oci;

/// Run the command of a container that was created
#[derive(clap::Args)]
pub struct Args {
    /// Its id
    id: String,
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        oci::start(&global.root(), &self.id, &Explain::new(global.explain))?;
        Ok(0)
    }
}
