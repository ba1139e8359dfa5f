//! `pull`: an image from a registry.

use anyhow::{Context, Result};

use super::{
    Image, Images, names,
    platform::Platform,
    reference::Reference,
    registry::{Options, Registry},
    source::{Watcher, bring},
};

impl Images {
    /// Brings in the image that a reference means, for a platform. What is interrupted is gone on
    /// with by the next one.
    pub fn pull(
        &self,
        reference: &Reference,
        platform: &Platform,
        options: Options,
        watcher: &dyn Watcher,
    ) -> Result<Image> {
        let _kept = self.keep()?;
        let pulled = || {
            let registry = Registry::connect(reference, options)?;
            let (root, document) = registry.resolve(reference)?;
            bring(&self.blobs, &registry, (&root, document), platform, watcher)
        };
        let image = pulled().with_context(|| format!("image: pulling {reference}"))?;
        // A digest is exact, and a tag beside it says nothing.
        let tag = reference.tag.clone().filter(|_| reference.digest.is_none());
        let name = Reference { tag, ..reference.clone() };
        self.names.change(|entries| {
            names::give(entries, &image, Some(&name));
            Ok(())
        })?;
        self.read(&image)
    }
}
