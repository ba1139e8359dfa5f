//! A session of the container's own, for one that has no terminal: it has the caller's standard
//! input, output and error, which may be a terminal that it must not control. See setsid(2).

use anyhow::Result;
use nix::unistd::setsid;
use step07::{Explain, Layer};

/// The layer that begins it.
pub struct Session;

impl Layer for Session {
    fn name(&self) -> &'static str {
        "session"
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        explain.act("setsid", "beginning a session", setsid).map(drop)
    }
}
