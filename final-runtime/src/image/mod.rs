//! Images: what containers are made from.
//!
//! A store's images are an OCI image layout, which any other tool can read:
//!
//! ```text
//! ROOT/images/index.json          which manifests there are, and their names     names.rs
//!             blobs/sha256/HEX    manifests, configurations, layers as they came  blobs.rs
//!             ingest/             what is being brought in, or was by half
//!             oci-layout
//! ```
//!
//! | file | subject |
//! | --- | --- |
//! | `digest.rs`, `media.rs`, `reference.rs`, `platform.rs` | the words in which images are spoken of |
//! | `manifest.rs`, `config.rs` | the documents that an image consists of |
//! | `blobs.rs`, `names.rs` | the layout in the store |
//! | `source.rs` | bringing an image in, wherever it comes from |
//! | `layer.rs`, `files.rs`, `tarball.rs` | archives and directories that images are carried in |
//! | `layout.rs`, `docker_archive.rs`, `load.rs`, `save.rs` | the two forms of these |
//! | `registry/`, `pull.rs`, `progress.rs` | registries |
//! | `commit.rs`, `instruction.rs` | new images, of what containers have changed or of archives |
//! | `base.rs` | an image made of the host's own tools |
//! | `unpack.rs` | from layers to file systems, as a storage driver has them |
//! | `execution.rs`, `volumes.rs` | what an image's configuration makes of a container |
//! | `lookup.rs` | a file in layers that are not mounted |
//! | `sweep.rs` | what nobody refers to any more |
//!
//! Whoever brings something in holds a lock until it has a name, and whoever makes a container
//! until that is written down: nothing is swept away under their hands.

mod base;
pub mod blobs;
mod commit;
pub mod config;
pub mod digest;
mod docker_archive;
mod execution;
mod files;
pub mod instruction;
mod layer;
mod layout;
mod load;
pub mod lookup;
pub mod manifest;
mod media;
pub mod names;
pub mod platform;
pub mod progress;
mod pull;
pub mod reference;
pub mod registry;
mod save;
pub mod source;
mod sweep;
mod tarball;
mod unpack;
pub mod volumes;

use std::{path::Path, rc::Rc};

use anyhow::{Context, Error, Result, bail};

use crate::{
    lifecycle::{
        lock::{self, Lock},
        record::now,
    },
    storage::Drivers,
};
use blobs::Blobs;
pub use commit::Words;
use config::{History, ImageConfig};
use digest::Digest;
use manifest::{Descriptor, Document, Manifest};
use names::Names;
use reference::{Reference, id_prefix};
pub use save::Wanted;

/// An image, as far as it is small.
#[derive(Clone, Debug)]
pub struct Image {
    /// What it is called.
    pub name: Option<Reference>,
    /// Of the manifest.
    pub descriptor: Descriptor,
    /// What it consists of.
    pub manifest: Manifest,
    /// What its maker wants to be run.
    pub config: ImageConfig,
}

impl Image {
    /// Its id, the same wherever it comes from: of its configuration.
    pub fn id(&self) -> &Digest {
        &self.manifest.config.digest
    }

    /// Bytes in all of it, as it came.
    pub fn size(&self) -> u64 {
        let parts = self.manifest.layers.iter().chain([&self.manifest.config, &self.descriptor]);
        parts.map(|part| part.size).sum()
    }

    /// Whether it was found by this name, and not by its id.
    pub fn is_called(&self, wanted: &str) -> bool {
        let wanted = wanted.parse::<Reference>().ok().map(|wanted| wanted.name());
        wanted.is_some() && wanted == self.name.as_ref().map(Reference::name)
    }

    /// As short as people say it: without what goes without saying.
    pub fn called(&self) -> String {
        let name = self.name.as_ref().map(Reference::familiar);
        let name = name.map(|name| name.strip_suffix(":latest").unwrap_or(&name).to_string());
        name.unwrap_or_else(|| self.id().short().into())
    }
}

/// A store's images.
pub struct Images {
    blobs: Blobs,
    names: Names,
    drivers: Rc<Drivers>,
}

impl Images {
    /// The images of the store at `root`.
    pub fn open(root: &Path, drivers: Rc<Drivers>) -> Result<Self> {
        let dir = root.join("images");
        Ok(Self { blobs: Blobs::open(&dir)?, names: Names::open(&dir)?, drivers })
    }

    /// Sees to it that nothing is swept away as long as this is held.
    pub fn keep(&self) -> Result<Lock> {
        lock::share(&self.blobs.ingest()).context("image")
    }

    /// By name, by id, or by the first digits of an id. `base` is made from the host's own tools
    /// when it is first asked for.
    pub fn find(&self, wanted: &str) -> Result<Image> {
        if let Some(image) = self.get(wanted)? {
            return Ok(image);
        }
        wanted.parse::<Reference>()?;
        bail!("image: no such image: {wanted} (there is always `base`, made of this host's tools)")
    }

    /// The same; `None` if there is none.
    pub fn get(&self, wanted: &str) -> Result<Option<Image>> {
        let entries = self.names.all()?;
        let reference = wanted.parse::<Reference>();
        if let Ok(reference) = &reference
            && let Some(entry) = entries.iter().find(|entry| is_meant(entry, reference))
        {
            return self.read(entry).map(Some);
        }
        if let Some(image) = self.find_by_id(wanted, &entries)? {
            return Ok(Some(image));
        }
        match reference {
            Ok(reference) if reference == base_name() => self.make_base().map(Some),
            _ => Ok(None),
        }
    }

    fn find_by_id(&self, wanted: &str, entries: &[Descriptor]) -> Result<Option<Image>> {
        let Ok(digits) = id_prefix(wanted) else { return Ok(None) };
        let mut found: Option<Image> = None;
        for entry in entries {
            let Ok(image) = self.read(entry) else { continue };
            if !image.id().hex().starts_with(digits) {
                continue;
            }
            if found.as_ref().is_some_and(|other| other.id() != image.id()) {
                bail!("image: the ids of several images begin with {wanted}");
            }
            found.get_or_insert(image);
        }
        Ok(found)
    }

    /// All of them, one for each name; and what is wrong with those that are damaged.
    pub fn all(&self) -> Result<(Vec<Image>, Vec<Error>)> {
        let (mut all, mut damaged) = (Vec::new(), Vec::new());
        for entry in self.names.all()? {
            match self.read(&entry) {
                Ok(image) => all.push(image),
                Err(error) => damaged.push(error),
            }
        }
        all.sort_by_cached_key(|image| (image.name.is_none(), image.called()));
        Ok((all, damaged))
    }

    /// The id of the image that has this manifest.
    pub fn id_of(&self, manifest: &Descriptor) -> Result<Digest> {
        Ok(self.read(manifest)?.id().clone())
    }

    /// All names of an image.
    pub fn names_of(&self, image: &Image) -> Result<Vec<Reference>> {
        let entries = self.names.all()?;
        let same = entries.iter().filter(|entry| entry.digest == image.descriptor.digest);
        Ok(same.filter_map(names::name_of).collect())
    }

    /// Gives an image one more name.
    pub fn tag(&self, image: &Image, name: &Reference) -> Result<()> {
        self.names.change(|entries| {
            names::give(entries, &image.descriptor, Some(name));
            Ok(())
        })
    }

    /// The image of an entry.
    fn read(&self, entry: &Descriptor) -> Result<Image> {
        let read = || {
            let document = self.blobs.read(entry, manifest::LARGEST)?;
            let Document::Manifest(manifest) = Document::parse(&document, &entry.media_type)?
            else {
                bail!("it is an index");
            };
            let config = self.blobs.read(&manifest.config, manifest::LARGEST)?;
            let config = ImageConfig::parse(&config, manifest.layers.len())?;
            let (name, descriptor) = (names::name_of(entry), entry.clone());
            Ok(Image { name, descriptor, manifest, config })
        };
        read().with_context(|| format!("image: manifest {} is damaged", entry.digest))
    }

    /// Keeps a new image, whose layers are there already, under this name.
    fn publish(
        &self,
        config: &ImageConfig,
        layers: Vec<Descriptor>,
        name: Option<&Reference>,
    ) -> Result<Image> {
        let json = |value: Result<Vec<u8>, _>| value.context("writing JSON");
        let config = json(serde_json::to_vec(config))?;
        self.blobs.put(&config)?;
        let manifest = Manifest::new(Descriptor::of(media::CONFIG, &config), layers);
        let manifest = json(serde_json::to_vec(&manifest))?;
        self.blobs.put(&manifest)?;
        let descriptor = Descriptor::of(media::MANIFEST, &manifest);
        self.names.change(|entries| {
            names::give(entries, &descriptor, name);
            Ok(())
        })?;
        Ok(Image { name: name.cloned(), ..self.read(&descriptor)? })
    }

    /// Of two first runs at once the second waits for the first, and has what that one has made.
    fn make_base(&self) -> Result<Image> {
        let _kept = self.keep()?;
        let name = base_name();
        let make = || {
            let _making = lock::lock(&self.blobs.making())?;
            if let Some(entry) = self.names.all()?.iter().find(|entry| is_meant(entry, &name)) {
                return self.read(entry);
            }
            let mut draft = self.blobs.draft()?;
            base::write(&mut draft)?;
            let (diff_id, size) = draft.finish()?;
            let mut config = ImageConfig::new(&now());
            config.config.cmd = vec!["sh".into()];
            let by = Some("this host's own tools".to_string());
            let history =
                History { created: config.created.clone(), created_by: by, ..Default::default() };
            config.add(diff_id.clone(), history);
            self.publish(&config, vec![Descriptor::new(media::LAYER, diff_id, size)], Some(&name))
        };
        make().context("image: making base")
    }
}

fn base_name() -> Reference {
    base::NAME.parse().expect("it is a name")
}

/// Whether an entry is the image of this name. Who names a digest may mean the index that the image
/// was chosen from.
fn is_meant(entry: &Descriptor, wanted: &Reference) -> bool {
    let Some(name) = names::name_of(entry) else { return false };
    let Some(digest) = &wanted.digest else { return name == *wanted };
    let same_tag = wanted.tag.is_none() || name.tag == wanted.tag;
    let index = entry.annotation(names::CHOSEN_FROM);
    let same = entry.digest == *digest || index == Some(&digest.to_string());
    name.name() == wanted.name() && same_tag && same
}
