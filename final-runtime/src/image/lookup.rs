//! A file of an image that is not mounted: the topmost layer that has a say about it decides.
//!
//! As in an overlay, but links are not followed: they may lead to another layer, and a file behind
//! a link is as good as not there.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::sys::stat::SFlag;
use step07::{Marks, Node, Tree};

/// The file at the absolute `path` in these layers, the lowest first; only a place, not open for
/// reading (`O_PATH`).
pub fn find(layers: &[PathBuf], path: &Path) -> Result<Option<OwnedFd>> {
    let path = path.strip_prefix("/").unwrap_or(path);
    for layer in layers.iter().rev() {
        match say(&Tree::open(layer)?, path)? {
            Say::Here(file) => return Ok(Some(file.as_fd().try_clone_to_owned()?)),
            Say::Gone => return Ok(None),
            Say::Nothing => {}
        }
    }
    Ok(None)
}

/// What a layer says about a path.
enum Say {
    Here(Node),
    /// It is not there, whatever the layers below say.
    Gone,
    Nothing,
}

fn say(layer: &Tree, path: &Path) -> Result<Say> {
    let mut below_counts = true;
    let mut ways: Vec<_> = path.ancestors().filter(|way| !way.as_os_str().is_empty()).collect();
    ways.reverse();
    for way in ways {
        let Some(node) = layer.node(way)? else {
            return Ok(if below_counts { Say::Nothing } else { Say::Gone });
        };
        let marked = |is: fn(Marks, &Node) -> nix::Result<bool>| {
            let marks = [Marks::Trusted, Marks::User].map(|marks| is(marks, &node));
            marks.into_iter().try_fold(false, |any, one| one.map(|one| any || one))
        };
        let reading = || format!("reading the marks of {}", layer.display(way));
        if way == path {
            let gone = marked(Marks::is_whiteout).with_context(reading)?
                || node.file_type() == SFlag::S_IFLNK;
            return Ok(if gone { Say::Gone } else { Say::Here(node) });
        }
        if !node.is_dir() {
            return Ok(Say::Gone);
        }
        below_counts &= !marked(Marks::is_opaque).with_context(reading)?;
    }
    Ok(Say::Nothing)
}
