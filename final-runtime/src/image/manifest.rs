//! Manifests and indexes: what an image consists of. See image-spec, manifest.md, image-index.md,
//! descriptor.md.
//!
//! A document must be what it was announced as. The same bytes read as an index by one program and
//! as a manifest by another are two images of one digest (CVE-2021-41190): so one that has members
//! of both is refused, and one that names its own type must name the one under which it came.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::{digest::Digest, media, platform::Platform};

/// The largest manifest or index that is read, in bytes. Registries have the same limit.
pub const LARGEST: u64 = 4 << 20;

/// The most bytes in all layers of one image.
const MOST_BYTES: u64 = 1 << 42;

/// As many layers as one image may have: more than any storage driver mounts.
const MOST_LAYERS: usize = 500;

/// A piece of content: what it is, its digest, its size in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// See `media.rs`.
    pub media_type: String,
    /// Of the content.
    pub digest: Digest,
    /// Of the content.
    pub size: u64,
    /// What it is for, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What others say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

impl Descriptor {
    /// Of content that we have made.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// Of content that was measured.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self { media_type: media_type.into(), digest, size, platform: None, annotations: None }
    }

    /// What is annotated under this name.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }
}

/// One image for one platform.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    schema_version: u32,
    /// Its own media type.
    pub media_type: String,
    /// Where its configuration is.
    pub config: Descriptor,
    /// The lowest first.
    pub layers: Vec<Descriptor>,
}

impl Manifest {
    /// Of our own making.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: media::MANIFEST.into(), config, layers }
    }
}

/// The same image for several platforms, or the images in a layout.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u32,
    media_type: String,
    /// Manifests, or indexes again.
    pub manifests: Vec<Descriptor>,
}

impl Index {
    /// Of our own making.
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: media::INDEX.into(), manifests }
    }
}

/// What came under a media type of these.
#[derive(Clone, Debug)]
pub enum Document {
    /// One image.
    Manifest(Manifest),
    /// Several, to choose one from.
    Index(Index),
}

/// All that may stand in one or the other, to see that nothing of both does.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: u32,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    fs_layers: Option<serde::de::IgnoredAny>,
}

impl Document {
    /// Reads what came as `media_type`, and whose digest has been checked.
    pub fn parse(bytes: &[u8], media_type: &str) -> Result<Self> {
        ensure!(bytes.len() as u64 <= LARGEST, "it is larger than {LARGEST} bytes");
        let known = media::is_manifest(media_type) || media::is_index(media_type);
        ensure!(known, "{media_type} is no media type of an image");
        let raw: Raw =
            serde_json::from_slice(bytes).with_context(|| format!("it is no {media_type}"))?;
        if let Some(own) = &raw.media_type {
            ensure!(own == media_type, "it came as {media_type} and says that it is {own}");
        }
        ensure!(
            raw.fs_layers.is_none(),
            "it is of schema version 1, which has no digests to check"
        );
        ensure!(raw.schema_version == 2, "its schema version is {}, not 2", raw.schema_version);
        Self::of(raw, media_type)
    }

    fn of(raw: Raw, media_type: &str) -> Result<Self> {
        let (schema_version, media_type) = (2, media_type.to_string());
        match raw {
            Raw { config: Some(config), layers: Some(layers), manifests: None, .. }
                if media::is_manifest(&media_type) =>
            {
                let manifest = Manifest { schema_version, media_type, config, layers };
                manifest.check().map(|()| Self::Manifest(manifest))
            }
            Raw { config: None, layers: None, manifests: Some(manifests), .. }
                if media::is_index(&media_type) =>
            {
                Ok(Self::Index(Index { schema_version, media_type, manifests }))
            }
            _ => bail!(
                "it came as {media_type}, but does not have the members of one, or of others too"
            ),
        }
    }
}

impl Manifest {
    fn check(&self) -> Result<()> {
        let config = &self.config;
        if !media::is_config(&config.media_type) {
            bail!("it is no image of a container: its configuration is {}", config.media_type);
        }
        ensure!(config.size <= LARGEST, "its configuration is larger than {LARGEST} bytes");
        let count = self.layers.len();
        ensure!(count <= MOST_LAYERS, "it has {count} layers: more than {MOST_LAYERS}");
        let sizes = self.layers.iter().map(|layer| layer.size);
        let bytes = sizes.fold(0, u64::saturating_add);
        ensure!(bytes <= MOST_BYTES, "its layers are larger than {MOST_BYTES} bytes");
        if let Some(other) = self.layers.iter().find(|layer| !media::is_layer(&layer.media_type)) {
            bail!("its layer {} is of the unknown type {}", other.digest, other.media_type);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn descriptor(media_type: &str) -> Value {
        json!({ "mediaType": media_type, "digest": Digest::of(b"x"), "size": 1 })
    }

    fn manifest() -> Value {
        json!({
            "schemaVersion": 2, "mediaType": media::MANIFEST,
            "config": descriptor(media::CONFIG), "layers": [descriptor(media::LAYER_GZIP)],
        })
    }

    fn index() -> Value {
        json!({ "schemaVersion": 2, "manifests": [descriptor(media::MANIFEST)] })
    }

    fn with(mut value: Value, name: &str, member: Value) -> Value {
        value[name] = member;
        value
    }

    fn parse(value: &Value, media_type: &str) -> Result<Document> {
        Document::parse(value.to_string().as_bytes(), media_type)
    }

    #[test]
    fn documents_are_read_as_what_they_came_as() {
        let read = parse(&manifest(), media::MANIFEST).expect("a manifest");
        assert!(matches!(read, Document::Manifest(manifest) if manifest.layers.len() == 1));
        let read = parse(&index(), media::DOCKER_LIST).expect("an index");
        assert!(matches!(read, Document::Index(index) if index.manifests.len() == 1));
    }

    #[rstest]
    #[case(with(manifest(), "manifests", json!([])), media::MANIFEST, "of others too")]
    #[case(with(index(), "layers", json!([])), media::INDEX, "of others too")]
    #[case(with(index(), "config", descriptor(media::CONFIG)), media::INDEX, "of others too")]
    #[case(manifest(), media::INDEX, "it came as application/vnd.oci.image.index")]
    #[case(manifest(), media::DOCKER_MANIFEST, "and says that it is")]
    #[case(index(), media::MANIFEST, "does not have the members of one")]
    #[case(with(manifest(), "schemaVersion", json!(1)), media::MANIFEST, "schema version is 1")]
    #[case(with(manifest(), "fsLayers", json!([])), media::MANIFEST, "schema version 1")]
    #[case(manifest(), "application/json", "application/json is no media type of an image")]
    #[case(
        with(manifest(), "config", descriptor("application/vnd.cncf.helm.config.v1+json")),
        media::MANIFEST,
        "no image of a container: its configuration is application/vnd.cncf.helm"
    )]
    #[case(
        with(manifest(), "layers", json!([descriptor("text/plain")])),
        media::MANIFEST,
        "is of the unknown type text/plain"
    )]
    #[case(
        with(manifest(), "layers", json!(vec![descriptor(media::LAYER); 501])),
        media::MANIFEST,
        "it has 501 layers"
    )]
    #[case(
        with(manifest(), "config", json!({ "mediaType": media::CONFIG, "digest": "sha256:../../x", "size": 1 })),
        media::MANIFEST,
        "no digest"
    )]
    #[case(
        with(manifest(), "config", json!({ "mediaType": media::CONFIG, "digest": Digest::of(b""), "size": -1 })),
        media::MANIFEST,
        "it is no"
    )]
    fn what_is_not_what_it_came_as_is_refused(
        #[case] value: Value,
        #[case] media_type: &str,
        #[case] why: &str,
    ) {
        let error = format!("{:#}", parse(&value, media_type).expect_err(why));
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn members_twice_are_refused() {
        let text = manifest().to_string().replacen('{', r#"{"layers":[],"#, 1);
        Document::parse(text.as_bytes(), media::MANIFEST).expect_err("two lists of layers");
    }

    #[test]
    fn large_documents_are_refused() {
        let space = vec![b' '; LARGEST as usize + 1];
        let error = Document::parse(&space, media::MANIFEST).expect_err("it is too large");
        assert!(error.to_string().contains("larger"), "{error}");
    }
}
