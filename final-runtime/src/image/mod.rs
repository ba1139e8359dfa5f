//! Images: named stacks of layers, and what their makers want to be run.
//!
//! ```text
//! ROOT/images/NAME.json   the image's record
//! ```

mod base;
pub mod lookup;

use std::{
    fs,
    os::fd::{AsRawFd, BorrowedFd},
    path::{Path, PathBuf},
    rc::Rc,
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{
    lifecycle::{
        lock::lock,
        record::{Keep, load, now, save},
    },
    storage::{Drivers, Key},
    store::make_dir,
};

/// An image's record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Image {
    /// What people call it.
    pub name: String,
    /// SHA-256 of its content, in hexadecimal.
    pub id: String,
    /// Its file system.
    pub top: Key,
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
    drivers: Rc<Drivers>,
}

impl Images {
    /// The images of the store at `root`.
    pub fn open(root: &Path, drivers: Rc<Drivers>) -> Result<Self> {
        make_dir(&root.join("images"))?;
        Ok(Self { root: root.to_owned(), drivers })
    }

    /// By name. `base` is made from the host's own tools when it is first asked for.
    pub fn find(&self, name: &str) -> Result<Image> {
        let file = self.file(name);
        if name == base::NAME {
            return self.make_base();
        }
        if name.contains('/') || name.starts_with('.') || !file.exists() {
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

    fn file(&self, name: &str) -> PathBuf {
        self.root.join("images").join(format!("{name}.json"))
    }

    /// Of two first runs at once the second waits for the first, and has what that one has made.
    fn make_base(&self) -> Result<Image> {
        let images = self.root.join("images");
        let _images = lock(&images).context("image")?;
        let file = self.file(base::NAME);
        let top: Key = base::NAME.parse()?;
        let snapshots = self.drivers.chosen()?;
        if file.exists() && snapshots.is_sealed(&top)? {
            return load(&file).context("image");
        }
        let record = file.with_extension("new");
        let built = record.clone();
        let fill = move |dir: BorrowedFd, _| {
            let base::Built { digest, size } =
                base::build(Path::new(&format!("/proc/self/fd/{}", dir.as_raw_fd())))?;
            let image = Image {
                name: base::NAME.into(),
                id: digest,
                top: base::NAME.parse()?,
                command: vec!["sh".into()],
                size,
                created: now(),
            };
            save(&built, &image, Keep::Safe)
        };
        snapshots.fill(&top, None, fill).context("image: making base")?;
        fs::rename(&record, &file).context("image: making base")?;
        load(&file).context("image")
    }
}
