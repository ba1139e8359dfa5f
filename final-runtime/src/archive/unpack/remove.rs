//! Removing a tree, or what of it is not to be kept.

use std::{os::fd::AsFd, path::Path};

use anyhow::{Context, Result};
use nix::unistd::{UnlinkatFlags, unlinkat};
use step07::{Node, Tree};

/// Removes what is at `path`, if there is something, with all that is in it. What `keep` says yes to
/// stays, and so do the directories that it is in.
pub fn remove(tree: &Tree, path: &Path, keep: &impl Fn(&Path) -> bool) -> Result<()> {
    let Some(node) = tree.node(path)? else { return Ok(()) };
    let (dir, _) = tree.parent(path)?;
    remove_node(tree, path, &node, dir, keep).map(drop)
}

/// Says whether something was kept.
fn remove_node(
    tree: &Tree,
    path: &Path,
    node: &Node,
    dir: impl AsFd,
    keep: &impl Fn(&Path) -> bool,
) -> Result<bool> {
    let mut kept = keep(path);
    let mut flag = UnlinkatFlags::NoRemoveDir;
    if node.is_dir() {
        flag = UnlinkatFlags::RemoveDir;
        for name in tree.names(path)? {
            let path = path.join(name);
            if let Some(child) = tree.node(&path)? {
                kept |= remove_node(tree, &path, &child, node, keep)?;
            }
        }
    }
    if !kept {
        let name = path.file_name().unwrap_or_default();
        unlinkat(dir, name, flag).with_context(|| format!("removing {path:?}"))?;
    }
    Ok(kept)
}
