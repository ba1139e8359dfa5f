//! `inspect`: all that is written down about a container.

use anyhow::{Context, Result};
use serde_json::json;

use crate::store::Store;

/// Print what is known of containers, as JSON
#[derive(clap::Args)]
pub struct Args {
    /// Names, ids, or beginnings of ids
    #[arg(required = true)]
    containers: Vec<String>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let mut all = Vec::new();
        for name in &self.containers {
            let container = store.containers.find(name)?;
            all.push(json!({
                "config": container.config,
                "state": container.state,
                "dir": container.dir,
            }));
        }
        println!("{}", serde_json::to_string_pretty(&all).context("inspect")?);
        Ok(0)
    }
}
