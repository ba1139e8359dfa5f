//! `save`: images as an OCI image layout, in an archive or a directory.
//!
//! The archive is a layout and also has the `manifest.json` that Docker read before it knew
//! layouts: so everyone can load it. It is the same bytes for the same images.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use tar::{Builder, EntryType, Header};

use super::{
    Image, Images,
    layout::FULL_NAME,
    manifest::{Descriptor, Index},
    names::NAME,
    reference::Reference,
};

/// Where an image goes to.
trait Sink {
    fn file(&mut self, name: &str, size: u64, from: &mut dyn Read) -> Result<()>;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// An image that is to be saved, under these names.
pub type Wanted = (Image, Vec<Reference>);

impl Images {
    /// Writes images as an archive.
    pub fn save(&self, images: &[Wanted], to: impl Write) -> Result<()> {
        let mut builder = Builder::new(to);
        self.write(images, &mut builder).context("image: saving")?;
        builder.into_inner().and_then(|mut to| to.flush()).context("image: saving")
    }

    /// Writes images into the new directory `dir`, which is there whole or not at all.
    pub fn save_in(&self, images: &[Wanted], dir: &Path) -> Result<()> {
        let named = || format!("image: saving in {}", dir.display());
        if dir.symlink_metadata().is_ok() {
            bail!("{}: it exists already", named());
        }
        let name = dir.file_name().with_context(named)?.to_string_lossy();
        let draft = dir.with_file_name(format!(".{name}.part"));
        let _ = fs::remove_dir_all(&draft); // of one that was killed
        let saved = DirBuilder::new()
            .mode(0o755)
            .create(&draft)
            .map_err(Into::into)
            .and_then(|()| self.write(images, &mut Directory(&draft)))
            .and_then(|()| Ok(fs::rename(&draft, dir)?));
        if saved.is_err() {
            let _ = fs::remove_dir_all(&draft);
        }
        saved.with_context(named)
    }

    fn write(&self, images: &[Wanted], sink: &mut dyn Sink) -> Result<()> {
        let mut written = BTreeSet::new();
        for (image, _) in images {
            let parts = image.manifest.layers.iter().chain([&image.manifest.config]);
            for part in parts.chain([&image.descriptor]) {
                if written.insert(&part.digest) {
                    let mut from = self.blobs.stream(part)?;
                    sink.file(&place(part), part.size, &mut from)?;
                }
            }
        }
        let entries = images.iter().flat_map(|(image, names)| entries(image, names)).collect();
        json(sink, "index.json", &Index::new(entries))?;
        let items: Vec<_> = images.iter().map(|(image, names)| item(image, names)).collect();
        json(sink, "manifest.json", &items)?;
        json(sink, "oci-layout", &BTreeMap::from([("imageLayoutVersion", "1.0.0")]))
    }
}

/// The image once for each name.
fn entries(image: &Image, names: &[Reference]) -> Vec<Descriptor> {
    let Descriptor { media_type, digest, size, .. } = &image.descriptor;
    let mut plain = Descriptor::new(media_type, digest.clone(), *size);
    plain.platform = Some(image.config.platform.clone());
    if names.is_empty() {
        return vec![plain];
    }
    let named = |name: &Reference| {
        let tag = name.tag.clone().unwrap_or_default();
        let annotations = [(NAME.to_string(), tag), (FULL_NAME.to_string(), name.to_string())];
        Descriptor { annotations: Some(annotations.into()), ..plain.clone() }
    };
    names.iter().map(named).collect()
}

fn item(image: &Image, names: &[Reference]) -> Item {
    Item {
        config: place(&image.manifest.config),
        repo_tags: names.iter().map(Reference::familiar).collect(),
        layers: image.manifest.layers.iter().map(place).collect(),
    }
}

fn place(descriptor: &Descriptor) -> String {
    format!("blobs/{}/{}", descriptor.digest.algorithm(), descriptor.digest.hex())
}

fn json(sink: &mut dyn Sink, name: &str, value: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec(value).context("writing JSON")?;
    sink.file(name, bytes.len() as u64, &mut &bytes[..])
}

impl<W: Write> Sink for Builder<W> {
    fn file(&mut self, name: &str, size: u64, from: &mut dyn Read) -> Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(0);
        self.append_data(&mut header, name, from).with_context(|| format!("writing {name}"))
    }
}

struct Directory<'a>(&'a Path);

impl Sink for Directory<'_> {
    fn file(&mut self, name: &str, _size: u64, from: &mut dyn Read) -> Result<()> {
        let path = self.0.join(name);
        let mut write = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            let mut file = File::create_new(&path)?;
            io::copy(from, &mut file)?;
            file.sync_all()
        };
        write().with_context(|| format!("writing {}", path.display()))
    }
}
