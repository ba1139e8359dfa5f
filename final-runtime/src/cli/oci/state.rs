//! `state`: what is to be told of a container.

use anyhow::{Context, Result};

use super::{Global, print};

/// Print a container's state as JSON
#[derive(clap::Args)]
pub struct Args {
    /// Its id
    id: String,
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        let container = global.container(&self.id)?;
        let mut state = serde_json::to_value(container.state()?).context("state")?;
        // Not the specification's; but engines read what runc adds.
        let rootfs = container.rootfs()?;
        state["rootfs"] = rootfs.display().to_string().into();
        state["created"] = container.record.created.clone().into();
        state["owner"] = "".into();
        print(&state)
    }
}
