//! From an image's layers to file systems, as a storage driver has them: one snapshot a layer, each
//! on top of the one below.
//!
//! A snapshot is called by its chain id, so images that begin with the same layers share them. It is
//! made when it is first needed, in one pass over the layer's bytes in which these are checked.

use anyhow::{Context, Result};

use super::{Image, Images, digest::Digest, manifest::Descriptor};
use crate::{
    archive::Expected,
    storage::{Key, Snapshots},
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
        snapshots.apply(key, below, blob, expected)
    }
}
