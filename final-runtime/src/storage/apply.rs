//! An image's layer on top of those below it, whatever the driver.

use std::{io::BufRead, path::Path};

use anyhow::{Context, Result};
use step07::{Marks, Node, Tree};

use super::{Key, Snapshots, Whiteouts, mounted};
use crate::archive::{self, Attributes, Devices, Limits, Options, Owners};

impl Snapshots {
    /// Makes the sealed snapshot `key` of an archive, uncompressed, and the layers below it;
    /// complete, or not at all. One that is there already is taken as it is.
    pub fn apply(
        &self,
        key: &Key,
        parent: Option<&Key>,
        archive: impl BufRead + 'static,
        limits: Limits,
    ) -> Result<()> {
        self.fill(key, parent, move |dir, whiteouts| {
            let below = match &whiteouts {
                Whiteouts::Apply => Vec::new(),
                Whiteouts::Mark { below } => {
                    below.iter().map(|dir| Tree::open(dir)).collect::<Result<_>>()?
                }
            };
            let whiteouts = match whiteouts {
                Whiteouts::Apply => archive::Whiteouts::Apply,
                Whiteouts::Mark { .. } => {
                    let marks =
                        marks(&Tree::new(dir.try_clone_to_owned()?, Path::new("")).root()?)?;
                    archive::Whiteouts::Overlay { marks, below: &below }
                }
            };
            // In a user namespace some things are not to be had, and are not missed there.
            let (devices, attributes) = match mounted::powerful_on_the_host()? {
                true => (Devices::Make, Attributes::All),
                false => (Devices::Skip, Attributes::Permitted),
            };
            let owners = Owners::Archived;
            let options = Options { whiteouts, owners, devices, attributes, limits };
            archive::unpack(archive, dir, &options).map(drop)
        })
    }
}

/// The marks that the overlay will read.
fn marks(dir: &Node) -> Result<Marks> {
    Marks::probe(dir).context("setting an overlay's marks")
}
