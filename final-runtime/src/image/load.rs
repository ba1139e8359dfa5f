//! `load`: images from a layout or an archive of any kind that we know.

use std::{io::Read, path::Path};

use anyhow::{Context, Result, bail};

use super::{
    Images, docker_archive,
    files::Files,
    layout::Layout,
    manifest::Descriptor,
    names,
    platform::Platform,
    reference::Reference,
    source::{Source, Unwatched, bring},
};

/// What was loaded: the manifest, and each of its names.
pub type Loaded = Vec<(Descriptor, Vec<Reference>)>;

impl Images {
    /// All images in a file or directory. `repository` is the name of those of which only the tag
    /// is known. They are all there afterwards, or none.
    pub fn load(
        &self,
        path: &Path,
        repository: Option<&Reference>,
        platform: &Platform,
    ) -> Result<Loaded> {
        let _kept = self.keep()?;
        let files = Files::at(path, &self.blobs);
        let loaded = files.and_then(|files| self.load_all(&files, repository, platform));
        loaded.with_context(|| format!("image: loading {}", path.display()))
    }

    /// The same from a pipe.
    pub fn load_from(
        &self,
        from: impl Read + Send,
        repository: Option<&Reference>,
        platform: &Platform,
    ) -> Result<Loaded> {
        let _kept = self.keep()?;
        let files = Files::of(from, &self.blobs);
        let loaded = files.and_then(|files| self.load_all(&files, repository, platform));
        loaded.context("image: loading standard input")
    }

    fn load_all(
        &self,
        files: &Files,
        repository: Option<&Reference>,
        platform: &Platform,
    ) -> Result<Loaded> {
        let mut loaded = Vec::new();
        if let Some(layout) = Layout::open(files)? {
            for (entry, name) in layout.images(repository) {
                let root = (&entry, layout.document(&entry)?);
                let image = bring(&self.blobs, &layout, root, platform, &Unwatched)?;
                loaded.push((image, name.into_iter().collect()));
            }
        } else if let Some(all) = docker_archive::load(files, &self.blobs)? {
            loaded = all;
        } else {
            bail!("there is neither an index.json with oci-layout nor a manifest.json in it");
        }
        if loaded.is_empty() {
            bail!("there is no image in it");
        }
        self.names.change(|entries| {
            for (image, names) in &loaded {
                if names.is_empty() {
                    names::give(entries, image, None);
                }
                names.iter().for_each(|name| names::give(entries, image, Some(name)));
            }
            Ok(())
        })?;
        Ok(loaded)
    }
}
