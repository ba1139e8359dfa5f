//! Images: named stacks of layers, and what their makers want to be run.
//!
//! ```text
//! ROOT/images/NAME.json   the image's record
//! ROOT/layers/ID          one layer, a directory, in overlay's dialect of whiteouts
//! ```

mod base;
pub mod lookup;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use nix::unistd::syncfs;
use serde::{Deserialize, Serialize};

use crate::{
    lifecycle::{
        lock::lock,
        record::{Keep, load, now, save},
    },
    store::make_dir,
};

/// An image's record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Image {
    /// What people call it.
    pub name: String,
    /// SHA-256 of its content, in hexadecimal.
    pub id: String,
    /// Names of directories in `ROOT/layers`, lowest first.
    pub layers: Vec<String>,
    /// What to run if the person says nothing.
    pub command: Vec<String>,
    /// Bytes in all layers.
    pub size: u64,
    /// RFC 3339, UTC.
    pub created: String,
}

/// A store's images.
pub struct Images {
    root: PathBuf,
}

impl Images {
    /// The images of the store at `root`.
    pub fn open(root: &Path) -> Result<Self> {
        ["images", "layers"].iter().try_for_each(|dir| make_dir(&root.join(dir)))?;
        Ok(Self { root: root.to_owned() })
    }

    /// By name. `base` is made from the host's own tools when it is first asked for.
    pub fn find(&self, name: &str) -> Result<Image> {
        let file = self.file(name);
        if name.contains('/') || name.starts_with('.') || !file.exists() {
            if name == base::NAME {
                return self.make_base();
            }
            bail!(
                "image: no such image: {name} (there is always `base`, made of this host's tools)"
            );
        }
        load(&file).context("image")
    }

    /// All of them, by name.
    pub fn all(&self) -> Result<Vec<Image>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.root.join("images")).context("image: reading the store")? {
            let file = entry.context("image: reading the store")?.path();
            if file.extension().is_some_and(|extension| extension == "json") {
                all.push(load::<Image>(&file).context("image")?);
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Where the image's layers are, lowest first.
    pub fn layers(&self, image: &Image) -> Vec<PathBuf> {
        image.layers.iter().map(|id| self.root.join("layers").join(id)).collect()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root.join("images").join(format!("{name}.json"))
    }

    /// Builds beside its place and renames. Of two first runs at once the second waits for the
    /// first, and has what that one has made.
    fn make_base(&self) -> Result<Image> {
        let layers = self.root.join("layers");
        let _layers = lock(&layers).context("image")?;
        let file = self.file(base::NAME);
        if file.exists() {
            return load(&file).context("image");
        }
        let draft = layers.join(".base");
        let made = || -> Result<Image> {
            let base::Built { digest, size } = base::build(&draft)?;
            let place = layers.join(&digest);
            if !place.exists() {
                syncfs(File::open(&draft)?)?; // the whole layer or none, also after a power failure
                fs::rename(&draft, &place)?;
            }
            Ok(Image {
                name: base::NAME.into(),
                id: digest.clone(),
                layers: vec![digest],
                command: vec!["sh".into()],
                size,
                created: now(),
            })
        };
        let image = made().context("image: making base");
        let _ = fs::remove_dir_all(&draft); // if it was not renamed
        let image = image?;
        save(&file, &image, Keep::Safe).context("image")?;
        Ok(image)
    }
}
