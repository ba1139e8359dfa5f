//! New images: from what a container has changed, or from an archive of a root file system.

use std::io::Read;

use anyhow::{Context, Result, ensure};

use super::{
    Image, Images,
    config::{History, ImageConfig},
    digest::Digest,
    instruction::Instruction,
    layer,
    manifest::Descriptor,
    media,
    platform::Platform,
    reference::Reference,
};
use crate::{
    archive::{Compress, pack},
    lifecycle::{container::Container, containers::Containers, record::now},
};

/// What a person says about a new image.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// What it is called.
    pub name: Option<Reference>,
    /// What is said of it.
    pub message: Option<String>,
    /// Whose it is.
    pub author: Option<String>,
    /// How its configuration differs.
    pub changes: Vec<Instruction>,
}

impl Images {
    /// The container's image with one layer more: what the container has changed.
    pub fn commit(
        &self,
        containers: &Containers,
        container: &Container,
        words: &Words,
    ) -> Result<Image> {
        let _kept = self.keep()?;
        let image = self.made_from(container)?;
        let draft = self.blobs.draft()?;
        let mut out = draft.file()?;
        // It may be another process that writes.
        containers.changed(container, move |changed| {
            let packed = pack(changed.source(), &mut out, Compress::No)?;
            for path in packed.left_out {
                eprintln!(
                    "final-runtime: commit: {} is left out: no layer can hold it",
                    path.display()
                );
            }
            Ok(())
        })?;
        let (diff_id, size) = draft.measure()?.finish()?;
        let mut config = image.config.clone();
        words.finish(&mut config, diff_id.clone(), container.config.args.join(" "));
        let mut layers = image.manifest.layers.clone();
        layers.push(Descriptor::new(media::LAYER, diff_id, size));
        self.publish(&config, layers, words.name.as_ref())
    }

    /// The image that a container was made from, which may have lost its name.
    fn made_from(&self, container: &Container) -> Result<Image> {
        let image = self.read_by_digest(&container.config.manifest)?;
        image.with_context(|| format!("image {} is gone", container.config.image))
    }

    /// An image of one layer, which is the archive that `from` says.
    pub fn import(
        &self,
        from: impl Read + Send,
        platform: Platform,
        words: &Words,
    ) -> Result<Image> {
        let _kept = self.keep()?;
        let layer = layer::keep(&self.blobs, from, None, |archive| {
            let mut archive = tar::Archive::new(archive);
            let mut any = false;
            for entry in archive.entries()? {
                entry.context("reading the archive")?;
                any = true;
            }
            ensure!(any, "there is nothing in the archive");
            Ok(())
        })?;
        let mut config = ImageConfig { platform, ..ImageConfig::new(&now()) };
        words.finish(&mut config, layer.diff_id, "import".into());
        self.publish(&config, vec![layer.descriptor], words.name.as_ref())
    }
}

impl Words {
    /// Puts the new layer on top.
    fn finish(&self, config: &mut ImageConfig, diff_id: Digest, by: String) {
        let created = now();
        self.changes.iter().for_each(|change| change.apply(&mut config.config));
        config.created = Some(created.clone());
        config.author = self.author.clone().or(config.author.take());
        let history = History {
            created: Some(created),
            created_by: Some(by),
            author: self.author.clone(),
            comment: self.message.clone(),
            empty_layer: false,
        };
        config.add(diff_id, history);
    }
}
