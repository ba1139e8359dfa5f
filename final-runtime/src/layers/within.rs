//! A layer in a namespace that somebody else has made: all that it does but for making it.

use anyhow::Result;
use nix::unistd::Pid;
use step07::{Explain, Layer};

/// The layer `L` in a namespace that is joined.
pub struct Within<L>(pub L);

impl<L: Layer> Layer for Within<L> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn prepare(&mut self, explain: &Explain) -> Result<()> {
        self.0.prepare(explain)
    }

    fn attach(&mut self, explain: &Explain, child: Pid) -> Result<()> {
        self.0.attach(explain, child)
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        self.0.enter(explain)
    }

    fn release(&mut self, explain: &Explain) -> Result<()> {
        self.0.release(explain)
    }
}
