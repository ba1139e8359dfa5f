//! From an image's layers to file systems, as a storage driver has them: one snapshot a layer, each
//! on top of the one below.
//!
//! A snapshot is called by its chain id, so images that begin with the same layers share them. It is
//! made when it is first needed, in one pass over the layer's bytes in which these are checked.

use std::{fs, os::fd::BorrowedFd, path::Path};

use anyhow::{Context, Result};
use step07::{Marks, Tree};

use super::{Image, Images, digest::Digest, manifest::Descriptor};
use crate::{
    archive::{self, Expected, Options, Owners, decode},
    storage::{Key, Snapshots, Whiteouts},
};

impl Images {
    /// The snapshot of all of the image's layers, made if it is not there; `None` for an image
    /// without any.
    pub fn unpack(&self, image: &Image) -> Result<Option<Key>> {
        let snapshots = self.drivers.chosen()?;
        let layers = image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids);
        let mut below = None;
        for ((layer, diff_id), chain) in layers.zip(image.config.chain()) {
            let key: Key = chain.hex().parse()?;
            if !snapshots.is_sealed(&key)? {
                let unpacked = self.unpack_one(&snapshots, (&key, below.as_ref()), layer, diff_id);
                let what = || format!("image: {}: layer {}", image.called(), layer.digest);
                unpacked.with_context(what)?;
            }
            below = Some(key);
        }
        Ok(below)
    }

    fn unpack_one(
        &self,
        snapshots: &Snapshots,
        (key, below): (&Key, Option<&Key>),
        layer: &Descriptor,
        diff_id: &Digest,
    ) -> Result<()> {
        let blob = self.blobs.stream(layer)?;
        let diff_id = Some(diff_id.to_string().parse()?);
        let expected = Expected { size: Some(layer.size), diff_id, digest: None };
        snapshots.fill(key, below, move |dir: BorrowedFd, whiteouts| {
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
