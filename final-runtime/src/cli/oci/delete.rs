//! `delete`: gives back what is left of a container.

use anyhow::Result;
use step07::Explain;

use super::Global;
use crate::oci;

/// Delete a container that has ended
#[derive(clap::Args)]
pub struct Args {
    /// Kill it first if it runs; one that is not there is no error
    #[arg(short, long)]
    force: bool,

    /// Its id
    id: String,
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        let (root, explain) = (global.root(), Explain::new(global.explain));
        match self.force {
            true => oci::force(&root, &self.id, &explain)?,
            false => oci::delete(&root, &self.id, &explain)?,
        }
        Ok(0)
    }
}
