//! `features`: what of the specification there is. See features.md of the OCI runtime specification.

use anyhow::Result;
use serde_json::json;

use super::print;

/// Print what this runtime can do as JSON
#[derive(clap::Args)]
pub struct Args {}

impl Args {
    pub fn run(self) -> Result<u8> {
        print(&json!({ "ociVersionMin": "1.0.0", "ociVersionMax": crate::spec::VERSION }))
    }
}
