//! Signals, by name or number. See signal(7).

use std::str::FromStr;

use anyhow::{Result, bail};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

/// A signal's number, 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalNumber(pub i32);

impl FromStr for SignalNumber {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = match text.parse::<i32>() {
            Ok(number) => number,
            Err(_) => {
                let name = text.to_ascii_uppercase();
                let name = name.strip_prefix("SIG").unwrap_or(&name);
                match Signal::from_str(&format!("SIG{name}")) {
                    Ok(signal) => signal as i32,
                    Err(_) => bail!("no such signal"),
                }
            }
        };
        if !(1..=64).contains(&number) {
            bail!("expected a name, or a number from 1 to 64");
        }
        Ok(Self(number))
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
