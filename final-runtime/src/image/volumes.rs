//! An image's volumes: directories of a container's own, which begin as what the image has there.

use std::{
    fs,
    os::{fd::AsFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use nix::{
    errno::Errno,
    sys::stat::{SFlag, fstat},
};
use step07::{
    Marks, Tree, Union,
    root::{Root, kind},
};

use crate::{
    storage::{Key, Snapshots},
    store::make_closed_dir,
};

/// Makes a directory for each of these places, in the directory `dir`, which is made. Links in the
/// image stay in the image.
pub fn make(
    snapshots: &Snapshots,
    image: Option<&Key>,
    places: &[PathBuf],
    dir: &Path,
) -> Result<Vec<PathBuf>> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let make = |dir: &Path| {
        let made = fs::DirBuilder::new().mode(0o711).create(dir);
        made.with_context(|| format!("image: making {}", dir.display()))
    };
    make_closed_dir(dir)?;
    let nothing = dir.join("nothing");
    make(&nothing)?;
    let made: Vec<_> = (0..places.len()).map(|number| dir.join(number.to_string())).collect();
    if let Some(image) = image {
        let todo: Vec<_> = places.iter().cloned().zip(made.iter().cloned()).collect();
        snapshots.look(image, move |root| {
            let root = Root::new(root.try_clone_to_owned()?, Path::new("/"));
            todo.iter().try_for_each(|(place, to)| {
                copy(&root, place, &nothing, to)
                    .with_context(|| format!("image: making volume {}", place.display()))
            })
        })?;
    }
    for dir in made.iter().filter(|dir| !dir.exists()) {
        fs::DirBuilder::new().mode(0o755).create(dir).context("image: making a volume")?;
    }
    Ok(made)
}

/// What is at `place`, if that is a directory. To copy a tree is to commit what it has more than
/// nothing.
fn copy(root: &Root, place: &Path, nothing: &Path, to: &Path) -> Result<()> {
    let found = match root.open(place) {
        Err(Errno::ENOENT) => return Ok(()),
        found => found?,
    };
    if kind(&fstat(found.as_fd())?) != SFlag::S_IFDIR {
        bail!("the image has a file there that is no directory");
    }
    let upper = Tree::new(found, place);
    Union { lower: Tree::open(nothing)?, upper, marks: Marks::Trusted }.commit(to)
}
