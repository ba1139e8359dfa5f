//! `pull`: images from registries.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    image::{
        platform::Platform,
        progress::Told,
        reference::Reference,
        registry::{Options, credentials::Credentials},
    },
    store::Store,
};

/// Pull images from registries
///
/// Layers that are there already are not pulled again, and one that was interrupted is gone on with.
#[derive(clap::Args)]
pub struct Args {
    /// Which image of several for different machines [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,

    /// Whether a registry must prove who it is; one on this machine need not
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    tls_verify: bool,

    /// Who you are to the registry
    #[arg(long, value_name = "NAME:PASSWORD")]
    creds: Option<Credentials>,

    /// Where that is written down [default: $REGISTRY_AUTH_FILE, or podman's or Docker's]
    #[arg(long, value_name = "FILE", conflicts_with = "creds")]
    authfile: Option<PathBuf>,

    /// Do not tell how far it is
    #[arg(short, long)]
    quiet: bool,

    /// As in debian, debian:12, quay.io/someone/thing@sha256:...
    #[arg(required = true, value_name = "NAME[:TAG|@DIGEST]")]
    images: Vec<Reference>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let platform = self.platform.unwrap_or_else(Platform::own);
        for reference in &self.images {
            let credentials = match &self.creds {
                Some(credentials) => Some(credentials.clone()),
                None => Credentials::find(reference, self.authfile.as_deref())?,
            };
            let options = Options { verify: self.tls_verify, credentials };
            let told = Told::new(self.quiet)?;
            let image = store.images.pull(reference, &platform, options, &told)?;
            println!("{}", image.id());
        }
        Ok(0)
    }
}
