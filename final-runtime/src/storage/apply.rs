//! An image's layer on top of those below it, whatever the driver.

use std::{fs, io::Read, os::fd::BorrowedFd, path::Path};

use anyhow::{Context, Result};
use step07::{Marks, Tree};

use super::{Key, Snapshots, Whiteouts};
use crate::archive::{self, Expected, Options, Owners, decode};

impl Snapshots {
    /// Makes the sealed snapshot `key` of a layer's blob and the layers below it; complete and as
    /// `expected`, or not at all. One that is there already is taken as it is.
    pub fn apply(
        &self,
        key: &Key,
        parent: Option<&Key>,
        blob: impl Read + Send + 'static,
        expected: Expected,
    ) -> Result<()> {
        self.fill(key, parent, move |dir: BorrowedFd, whiteouts| {
            let tree = Tree::new(dir.try_clone_to_owned()?, Path::new("/"));
            let below = match &whiteouts {
                Whiteouts::Apply => Ok(Vec::new()),
                Whiteouts::Mark { below } => below.iter().map(|dir| Tree::open(dir)).collect(),
            };
            let below: Vec<_> = below?;
            let whiteouts = match whiteouts {
                Whiteouts::Apply => archive::Whiteouts::Apply,
                Whiteouts::Mark { .. } => archive::Whiteouts::Overlay {
                    marks: Marks::probe(&tree.root()?).context("setting marks")?,
                    below: &below,
                },
            };
            let options = options(whiteouts)?;
            let unpack = |archive: &mut _| archive::unpack(archive, dir, &options);
            decode(blob, &expected, &options.limits, unpack).map(drop)
        })
    }
}

/// In a user namespace there are no devices, and of other people only those who have a number
/// there.
fn options(whiteouts: archive::Whiteouts) -> Result<Options> {
    Ok(match mapped_ids()? {
        ids if ids >= u64::from(u32::MAX) => Options::new(whiteouts),
        1 => Options { owners: Owners::Ours, ..Options::rootless(whiteouts) },
        _ => Options::rootless(whiteouts),
    })
}

/// How many user ids this process may give. See user_namespaces(7).
fn mapped_ids() -> Result<u64> {
    let map = fs::read_to_string("/proc/self/uid_map").context("reading the uid map")?;
    let counts = map.lines().filter_map(|line| line.split_whitespace().nth(2));
    Ok(counts.filter_map(|count| count.parse::<u64>().ok()).sum())
}
