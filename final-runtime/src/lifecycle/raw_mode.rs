//! The person's own terminal, while a container has one: every key goes to the container.
//!
//! See termios(3), cfmakeraw.

use std::io::{IsTerminal, stdin};

use anyhow::{Context, Result};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

/// Raw mode, until it is dropped.
pub struct RawMode(Termios);

impl RawMode {
    /// `None` where standard input is no terminal.
    pub fn enter() -> Result<Option<Self>> {
        if !stdin().is_terminal() {
            return Ok(None);
        }
        let before = tcgetattr(stdin()).context("reading the terminal's settings")?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(stdin(), SetArg::TCSANOW, &raw).context("setting the terminal to raw mode")?;
        Ok(Some(Self(before)))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), SetArg::TCSANOW, &self.0); // the terminal may be gone
    }
}
