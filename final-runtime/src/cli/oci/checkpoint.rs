//! `checkpoint` and `restore`, which other runtimes have where CRIU is installed: the processes of a
//! container are written down, and go on elsewhere. Here they are known, so that who asks for them is
//! told what is missing, and not that there is no such verb.

use std::ffi::OsString;

use anyhow::{Result, bail};

/// Not supported: it takes CRIU, which this runtime does not drive
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Whatever an engine asks for
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

impl Args {
    /// Nothing is done to the container, and nothing is made.
    pub fn run(self, verb: &str) -> Result<u8> {
        drop(self.words);
        bail!(
            "{verb}: not supported: images of running processes are the work of CRIU, which this \
             runtime does not drive (https://criu.org)"
        )
    }
}
