//! An OCI image layout: content by digest, and `index.json` that says which manifests there are.
//! See image-spec, image-layout.md. Docker (25 and later), skopeo, umoci and buildah make such.

use anyhow::{Context, Error, Result, ensure};
use serde::Deserialize;

use super::{
    files::Files,
    manifest::{Descriptor, Document, Index},
    media,
    names::NAME,
    reference::Reference,
    source::{Source, Stream},
};

/// Under this name Docker and containerd keep the whole reference, and only its tag under the
/// other.
pub const FULL_NAME: &str = "io.containerd.image.name";

/// A layout that is not to be trusted.
#[derive(Debug)]
pub struct Layout<'a> {
    files: &'a Files,
    index: Index,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

impl<'a> Layout<'a> {
    /// The one in these files; `None` if they are none.
    pub fn open(files: &'a Files) -> Result<Option<Self>> {
        let Some(marker) = files.document("oci-layout")? else { return Ok(None) };
        let marker: Marker = serde_json::from_slice(&marker).context("oci-layout")?;
        let version = marker.image_layout_version;
        ensure!(version.starts_with("1."), "the layout is of version {version}, not 1");
        let index = files.document("index.json")?.context("it has no index.json")?;
        match Document::parse(&index, media::INDEX).context("index.json")? {
            Document::Index(index) => Ok(Some(Self { files, index })),
            Document::Manifest(_) => Err(Error::msg("index.json is no index")),
        }
    }

    /// The images in it: each with what it is called. `repository` is what those are called of
    /// which the layout knows but the tag.
    pub fn images(&self, repository: Option<&Reference>) -> Vec<(Descriptor, Option<Reference>)> {
        let entries = self.index.manifests.iter();
        entries.map(|entry| (entry.clone(), name_of(entry, repository))).collect()
    }
}

fn name_of(entry: &Descriptor, repository: Option<&Reference>) -> Option<Reference> {
    if let Some(full) = entry.annotation(FULL_NAME) {
        return full.parse().ok();
    }
    let name = entry.annotation(NAME)?;
    if name.contains(['/', ':']) {
        return name.parse().ok();
    }
    format!("{}:{name}", repository?.name()).parse().ok()
}

impl Source for Layout<'_> {
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let digest = &descriptor.digest;
        let document = self.files.document(&place(descriptor))?;
        document.with_context(|| format!("manifest {digest} is not in it"))
    }

    fn blob(&self, descriptor: &Descriptor, _from: u64) -> Result<Stream<'_>> {
        let (bytes, _) = self.files.read(&place(descriptor))?.context("it is not in it")?;
        Ok(Stream { from: 0, bytes })
    }
}

fn place(descriptor: &Descriptor) -> String {
    format!("blobs/{}/{}", descriptor.digest.algorithm(), descriptor.digest.hex())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[(NAME, "latest")], None, None)]
    #[case(&[(NAME, "12")], Some("debian"), Some("debian:12"))]
    #[case(&[(NAME, "12")], Some("h.x/a:b"), Some("h.x/a:12"))]
    #[case(&[(NAME, "debian:12")], None, Some("debian:12"))]
    #[case(&[(NAME, "h.x/debian")], Some("a"), Some("h.x/debian:latest"))]
    #[case(&[(NAME, "12"), (FULL_NAME, "docker.io/library/a:12")], Some("b"), Some("a:12"))]
    #[case(&[(NAME, "../../x")], Some("a"), None)]
    #[case(&[(NAME, "..")], Some("a"), None)]
    #[case(&[], Some("a"), None)]
    fn names_are_found(
        #[case] annotations: &[(&str, &str)],
        #[case] repository: Option<&str>,
        #[case] name: Option<&str>,
    ) {
        let mut entry = Descriptor::of(media::MANIFEST, b"");
        let owned = |&(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        entry.annotations = Some(annotations.iter().map(owned).collect());
        let repository = repository.map(|text| text.parse().expect(text));
        let found = name_of(&entry, repository.as_ref()).map(|name| name.familiar());
        assert_eq!(found.as_deref(), name);
    }
}
