//! Step 1's command line, and `--init`.

use anyhow::Result;
use step01::{Container, Step};

use crate::{Init, PidNamespace};

/// The flags of step 2.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub struct Args {
    /// Those of step 1.
    #[command(flatten)]
    pub step01: step01::Args,

    /// Let a small init be process 1: it reaps orphans and passes signals on
    #[arg(long, help_heading = "PID namespace")]
    pub init: bool,
}

impl Step for Args {
    const NAME: &'static str = "step02";
    const ABOUT: &'static str = "Run a command as process 1 of a PID namespace, on top of step 1.";

    fn container(self) -> Result<Container> {
        let mut container = self.step01.container()?;
        container.stack.top(PidNamespace);
        if self.init {
            container.stack.top(Init::default());
        }
        Ok(container)
    }
}
