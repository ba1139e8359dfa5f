//! What `docker save` made before it made layouts, and other tools still do: `manifest.json` names a
//! configuration and the archives of the layers, in whatever folders.
//!
//! There are no digests but those in the configuration, of the layers when they are not
//! compressed. So each layer is read, checked and kept as it came, and the manifest is ours.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::{
    blobs::Blobs,
    config::ImageConfig,
    digest::Digest,
    files::Files,
    layer,
    load::Loaded,
    manifest::{Descriptor, Manifest},
    media,
    reference::Reference,
};

/// One image of an archive.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// Brings in all images of an archive: their manifests, and what they are called. `None`: it is no
/// such archive.
pub fn load(files: &Files, blobs: &Blobs) -> Result<Option<Loaded>> {
    let Some(list) = files.document("manifest.json")? else {
        let old = files.document("repositories")?.is_some();
        ensure!(!old, "it has no manifest.json: it was made by Docker before 1.10");
        return Ok(None);
    };
    let items: Vec<Item> = serde_json::from_slice(&list).context("manifest.json")?;
    items.into_iter().map(|item| load_one(item, files, blobs)).collect::<Result<_>>().map(Some)
}

fn load_one(item: Item, files: &Files, blobs: &Blobs) -> Result<(Descriptor, Vec<Reference>)> {
    let layers = item.layers.unwrap_or_default();
    let bytes = files.document(&item.config)?;
    let bytes = bytes.with_context(|| format!("{} is not in it", item.config))?;
    let config = ImageConfig::parse(&bytes, layers.len());
    let config = config.with_context(|| format!("configuration {}", item.config))?;
    let names = item.repo_tags.unwrap_or_default();
    let names = names.iter().map(|name| name.parse()).collect::<Result<Vec<_>>>()?;

    let mut descriptors = Vec::new();
    for (name, diff_id) in layers.iter().zip(&config.rootfs.diff_ids) {
        let layer = keep_layer(name, diff_id, files, blobs);
        descriptors.push(layer.with_context(|| format!("layer {name}"))?);
    }
    blobs.put(&bytes)?;
    let manifest = Manifest::new(Descriptor::of(media::CONFIG, &bytes), descriptors);
    let manifest = serde_json::to_vec(&manifest).context("writing a manifest as JSON")?;
    blobs.put(&manifest)?;
    Ok((Descriptor::of(media::MANIFEST, &manifest), names))
}

/// Keeps a layer as it is, if it is what the configuration says.
fn keep_layer(name: &str, diff_id: &Digest, files: &Files, blobs: &Blobs) -> Result<Descriptor> {
    let Some((from, size)) = files.read(name)? else { bail!("it is not in it") };
    let plain = Descriptor::new(media::LAYER, diff_id.clone(), size);
    if blobs.has(&plain) {
        return Ok(plain);
    }
    Ok(layer::keep(blobs, from, Some(diff_id), |_| Ok(()))?.descriptor)
}
