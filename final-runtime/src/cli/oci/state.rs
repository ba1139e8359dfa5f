//! `state`: what is to be told of a container.

use anyhow::Result;

use super::{Global, described, print};

/// Print a container's state as JSON
#[derive(clap::Args)]
pub struct Args {
    /// Its id
    id: String,
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        print(&described(&global.container(&self.id)?)?)
    }
}
