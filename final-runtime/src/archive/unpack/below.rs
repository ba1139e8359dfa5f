//! What the layers below an overlay's new one have, where that one does not say it.

use std::path::Path;

use anyhow::{Context, Result};
use step07::{Node, Tree, xattr};

use super::Whiteouts;
use crate::archive::tar::{Entry, Kind, Time};

/// How the directory `path` is that the layers below show, for one that has no entry in a layer but
/// must be there: overlay takes owner, mode and attributes from the topmost directory.
pub fn directory(whiteouts: Whiteouts, path: &Path) -> Result<Option<Entry>> {
    let Whiteouts::Overlay { marks, below } = whiteouts else { return Ok(None) };
    let named = || format!("looking for {path:?} in the layers below");
    for layer in below {
        match in_layer(layer, marks, path).with_context(named)? {
            Said::Directory(node) => return entry(path, &node).map(Some).with_context(named),
            Said::Nothing => {}
            Said::None => break,
        }
    }
    Ok(None)
}

/// For one of which nothing is known.
pub fn unknown(path: &Path) -> Entry {
    Entry {
        path: path.to_owned(),
        kind: Kind::Directory,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: Time { seconds: 0, nanos: 0 },
        xattrs: Vec::new(),
    }
}

/// What one layer says of a path.
enum Said {
    /// There is a directory.
    Directory(Node),
    /// Something else is there, or nothing, whatever the layers below this one have.
    None,
    Nothing,
}

fn in_layer(layer: &Tree, marks: step07::Marks, path: &Path) -> Result<Said> {
    let mut above: Vec<_> = path.ancestors().filter(|path| !path.as_os_str().is_empty()).collect();
    let mut opaque = false;
    while let Some(path) = above.pop() {
        match layer.node(path)? {
            Some(node) if !node.is_dir() => return Ok(Said::None),
            Some(node) if above.is_empty() => return Ok(Said::Directory(node)),
            Some(node) => opaque |= marks.is_opaque(&node)?,
            None if opaque => return Ok(Said::None),
            None => return Ok(Said::Nothing),
        }
    }
    Ok(Said::Nothing)
}

fn entry(path: &Path, node: &Node) -> Result<Entry> {
    let xattrs = xattr::all(node)?.into_iter();
    Ok(Entry {
        mode: node.permissions().bits(),
        uid: node.stat.st_uid,
        gid: node.stat.st_gid,
        mtime: Time { seconds: node.stat.st_mtime, nanos: node.stat.st_mtime_nsec },
        xattrs: xattrs.map(|(name, value)| (name.into_encoded_bytes(), value)).collect(),
        ..unknown(path)
    })
}
