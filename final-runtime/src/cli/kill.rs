//! `kill`: sends a signal to a container's first process.

use anyhow::{Result, anyhow};

use super::each;
use crate::{signal::SignalNumber, store::Store};

/// Send a signal to containers
#[derive(clap::Args)]
pub struct Args {
    /// By name, with or without SIG, or by number
    #[arg(short, long, default_value = "KILL", allow_hyphen_values = true, value_parser = signal)]
    signal: SignalNumber,

    /// Names, ids, or beginnings of ids
    #[arg(required = true)]
    containers: Vec<String>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        each(&self.containers, |name| {
            let container = store.containers.find(name)?;
            let (_, pidfd) = container.running()?;
            container.signal(&pidfd, self.signal.0)
        })
    }
}

fn signal(text: &str) -> Result<SignalNumber> {
    text.parse().map_err(|why| anyhow!("kill: --signal {text:?}: {why}"))
}
