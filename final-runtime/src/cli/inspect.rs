//! `inspect`: all that is known of containers.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    lifecycle::container::{Condition, Container, runtime},
    store::Store,
};

/// Print what is known of containers, as JSON
#[derive(clap::Args)]
pub struct Args {
    /// Names, ids, or beginnings of ids
    #[arg(required = true)]
    containers: Vec<String>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let known = |name: &String| tell(store, &store.containers.find(name)?);
        let all = self.containers.iter().map(known).collect::<Result<Vec<_>>>()?;
        println!("{}", serde_json::to_string_pretty(&all).context("inspect")?);
        Ok(0)
    }
}

fn tell(store: &Store, container: &Container) -> Result<Value> {
    let key = container.config.id.parse()?;
    let snapshots = store.drivers.holder(&key)?;
    let driver = snapshots.as_ref().map(|snapshots| snapshots.driver());
    let condition = match container.condition() {
        Condition::Starting => "starting",
        Condition::Up => "running",
        Condition::Paused => "paused",
        Condition::Ending => "ending",
        Condition::Exited => "exited",
        Condition::Lost => "lost",
    };
    Ok(json!({
        "condition": condition,
        "config": container.config,
        "state": container.state,
        "runtime": runtime(&container.dir),
        "log": container.dir.join("log.json"),
        "storage": driver.map(|driver| driver.name()),
        "changes": driver.and_then(|driver| driver.changes(&key)),
    }))
}
