//! Images: named stacks of layers, and what their makers want to be run.
//!
//! ```text
//! ROOT/images/NAME.json   the image's record
//! ROOT/layers/ID          one layer, a directory, in overlay's dialect of whiteouts
//! ```

mod base;

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::lifecycle::record::{load, now, save};

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
        for dir in ["images", "layers"] {
            let dir = root.join(dir);
            DirBuilder::new()
                .recursive(true)
                .mode(0o711) // a container's root, who may be another user, passes through
                .create(&dir)
                .with_context(|| format!("image: making {}", dir.display()))?;
        }
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

    /// Builds beside its place and renames, so that two first runs at once do not meet.
    fn make_base(&self) -> Result<Image> {
        let layers = self.root.join("layers");
        let new = layers.join(format!(".base-{}", std::process::id()));
        let built = base::build(&new);
        if built.is_err() {
            let _ = fs::remove_dir_all(&new);
        }
        let base::Built { digest, size } = built.context("image: making base")?;
        let place = layers.join(&digest);
        if fs::rename(&new, &place).is_err() {
            // It is there already: another first run was faster.
            fs::remove_dir_all(&new).context("image: removing a second copy of base")?;
        }
        let image = Image {
            name: base::NAME.into(),
            id: digest.clone(),
            layers: vec![digest],
            command: vec!["sh".into()],
            size,
            created: now(),
        };
        save(&self.file(&image.name), &image).context("image")?;
        Ok(image)
    }
}
