//! Which images a store has, and what they are called: `index.json` of an OCI image layout, see
//! image-spec, image-layout.md.
//!
//! Each entry is the descriptor of a manifest. Its name is an annotation; an image that has lost
//! its name to another is kept without one until somebody says `prune`.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{
    manifest::{Descriptor, Index},
    reference::Reference,
};
use crate::lifecycle::{
    lock::lock,
    record::{Keep, load, save},
};

/// The annotation that holds a name. See image-spec, annotations.md.
pub const NAME: &str = "org.opencontainers.image.ref.name";
/// The digest of the index that the image was chosen from: people may know it by that.
pub const CHOSEN_FROM: &str = "final-runtime.index";

/// The names of a store's images.
#[derive(Debug)]
pub struct Names {
    dir: PathBuf,
}

impl Names {
    /// Those in the layout at `dir`.
    pub fn open(dir: &Path) -> Result<Self> {
        let names = Self { dir: dir.to_owned() };
        let marker = dir.join("oci-layout");
        if !marker.exists() {
            let _lock = lock(dir).context("image")?;
            let version = BTreeMap::from([("imageLayoutVersion", "1.0.0")]);
            save(&marker, &version, Keep::Safe).context("image")?;
        }
        Ok(names)
    }

    /// All entries.
    pub fn all(&self) -> Result<Vec<Descriptor>> {
        let file = self.dir.join("index.json");
        match fs::metadata(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            _ => Ok(load::<Index>(&file).context("image")?.manifests),
        }
    }

    /// Changes the entries. Whoever else does so at this moment is waited for.
    pub fn change<T>(&self, change: impl FnOnce(&mut Vec<Descriptor>) -> Result<T>) -> Result<T> {
        let _lock = lock(&self.dir).context("image")?;
        let mut entries = self.all()?;
        let result = change(&mut entries)?;
        let file = self.dir.join("index.json");
        save(&file, &Index::new(entries), Keep::Safe).context("image")?;
        Ok(result)
    }
}

/// What an entry is called.
pub fn name_of(entry: &Descriptor) -> Option<Reference> {
    entry.annotation(NAME)?.parse().ok()
}

/// Gives an image a name, which it takes from another if that has it; without one, keeps the image
/// all the same.
pub fn give(entries: &mut Vec<Descriptor>, image: &Descriptor, name: Option<&Reference>) {
    if let Some(name) = name {
        entries.iter_mut().filter(|entry| name_of(entry).as_ref() == Some(name)).for_each(forget);
    }
    let mut entry = image.clone();
    forget(&mut entry);
    if let Some(name) = name {
        entry.annotations.get_or_insert_default().insert(NAME.into(), name.to_string());
    }
    entries.push(entry);
    tidy(entries);
}

/// Takes a name away: of an image with no other name nothing is left here. `false`: nothing has it.
pub fn take(entries: &mut Vec<Descriptor>, name: &Reference) -> bool {
    let before = entries.len();
    entries.retain(|entry| name_of(entry).as_ref() != Some(name));
    entries.len() < before
}

fn forget(entry: &mut Descriptor) {
    entry.annotations.iter_mut().for_each(|annotations| {
        annotations.remove(NAME);
    });
    entry.annotations.take_if(|annotations| annotations.is_empty());
}

/// An image with a name needs no entry without one, and one without needs no two.
fn tidy(entries: &mut Vec<Descriptor>) {
    let mut kept: Vec<Descriptor> = Vec::new();
    let named = |entry: &&Descriptor| entry.annotation(NAME).is_some();
    kept.extend(entries.iter().filter(named).cloned());
    for entry in entries.iter().filter(|entry| !named(entry)) {
        if !kept.iter().any(|other| other.digest == entry.digest) {
            kept.push(entry.clone());
        }
    }
    *entries = kept;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::media;

    fn image(content: &str) -> Descriptor {
        Descriptor::of(media::MANIFEST, content.as_bytes())
    }

    fn name(text: &str) -> Reference {
        text.parse().expect(text)
    }

    fn told(entries: &[Descriptor]) -> Vec<String> {
        let tell = |entry: &Descriptor| {
            let name = name_of(entry).map_or("-".into(), |name| name.familiar());
            let content =
                ["one", "two"].into_iter().find(|text| image(text).digest == entry.digest);
            format!("{name}={}", content.unwrap_or("?"))
        };
        let mut told: Vec<_> = entries.iter().map(tell).collect();
        told.sort();
        told
    }

    #[test]
    fn names_are_given_and_taken() {
        let mut entries = Vec::new();
        give(&mut entries, &image("one"), Some(&name("a")));
        give(&mut entries, &image("one"), Some(&name("b")));
        assert_eq!(told(&entries), ["a:latest=one", "b:latest=one"]);
        give(&mut entries, &image("two"), Some(&name("a")));
        assert_eq!(told(&entries), ["a:latest=two", "b:latest=one"]);
        give(&mut entries, &image("two"), Some(&name("b")));
        assert_eq!(told(&entries), ["-=one", "a:latest=two", "b:latest=two"]);
        assert!(take(&mut entries, &name("a")) && !take(&mut entries, &name("a")));
        assert_eq!(told(&entries), ["-=one", "b:latest=two"]);
    }

    #[test]
    fn an_image_without_a_name_is_kept_once() {
        let mut entries = Vec::new();
        give(&mut entries, &image("one"), None);
        give(&mut entries, &image("one"), None);
        assert_eq!(told(&entries), ["-=one"]);
        give(&mut entries, &image("one"), Some(&name("a")));
        assert_eq!(told(&entries), ["a:latest=one"]);
        give(&mut entries, &image("one"), None);
        assert_eq!(told(&entries), ["a:latest=one"]);
    }
}
