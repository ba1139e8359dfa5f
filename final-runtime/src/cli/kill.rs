//! `kill`: sends a signal to a container's first process.

use std::str::FromStr;

use anyhow::{Result, anyhow, bail};
use nix::sys::signal::Signal;

use super::each;
use crate::store::Store;

/// Send a signal to containers
#[derive(clap::Args)]
pub struct Args {
    /// By name, with or without SIG, or by number
    #[arg(short, long, default_value = "KILL", allow_hyphen_values = true)]
    signal: SignalNumber,

    /// Names, ids, or beginnings of ids
    #[arg(required = true)]
    containers: Vec<String>,
}

/// A signal's number, 1 to 64. See signal(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalNumber(pub i32);

impl FromStr for SignalNumber {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = match text.parse::<i32>() {
            Ok(number) => number,
            Err(_) => {
                let name = text.to_ascii_uppercase();
                let name = name.strip_prefix("SIG").unwrap_or(&name);
                let signal = Signal::from_str(&format!("SIG{name}"));
                signal.map_err(|_| anyhow!("kill: --signal {text:?}: no such signal"))? as i32
            }
        };
        if !(1..=64).contains(&number) {
            bail!("kill: --signal {text:?}: expected a name, or a number from 1 to 64");
        }
        Ok(Self(number))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, number) in [("TERM", 15), ("SIGTERM", 15), ("sigusr1", 10), ("9", 9), ("64", 64)]
        {
            assert_eq!(text.parse::<SignalNumber>().expect("it is one"), SignalNumber(number));
        }
        for text in ["", "SIG", "0", "65", "-1", "NOPE", "SIGSIGTERM", "SIGSIGTERM X"] {
            assert!(text.parse::<SignalNumber>().is_err(), "{text:?}");
        }
    }
}
