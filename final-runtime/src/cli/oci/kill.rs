//! `kill`: sends a signal to a container.

use anyhow::{Result, anyhow};

use super::Global;
use crate::signal::SignalNumber;

/// Send a signal to a container's first process
#[derive(clap::Args)]
pub struct Args {
    /// To all of its processes
    #[arg(short, long)]
    all: bool,

    /// Its id
    pub id: String,

    /// By name, with or without SIG, or by number
    #[arg(default_value = "TERM", value_parser = signal)]
    signal: SignalNumber,
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        let container = global.container(&self.id)?;
        match self.all {
            true => container.kill_all(self.signal.0)?,
            false => container.kill(self.signal.0)?,
        }
        Ok(0)
    }
}

fn signal(text: &str) -> Result<SignalNumber> {
    text.parse().map_err(|why| anyhow!("kill: signal {text:?}: {why}"))
}
