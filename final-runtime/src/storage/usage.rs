//! What is in a driver's directory, and how much room it takes.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::MetadataExt,
    path::Path,
};

use anyhow::{Context, Result};

use super::{Key, mounted};

/// The snapshots that have an entry in `dir`: names that begin with a dot are other things.
pub fn keys_in(dir: &Path) -> Result<Vec<Key>> {
    let reading = || format!("reading {}", dir.display());
    let mut keys = Vec::new();
    for entry in fs::read_dir(dir).with_context(reading)? {
        let name = entry.with_context(reading)?.file_name();
        keys.extend(name.to_str().and_then(|name| name.parse().ok()));
    }
    Ok(keys)
}

/// Bytes on the disk in all files below `dir`, one of several names counted once.
pub fn of_tree(dir: &Path) -> Result<u64> {
    counted(dir, sum)
}

/// Has something counted in `dir` by one who may look at all of it: an ordinary user's files may
/// belong to subordinate ids.
pub fn counted(dir: &Path, count: fn(&Path) -> Result<u64>) -> Result<u64> {
    if mounted::powerful()? {
        return count(dir);
    }
    let (reader, writer) = nix::unistd::pipe().context("making a pipe")?;
    let dir = dir.to_owned();
    mounted::in_namespaces(move || Ok(File::from(writer).write_all(&count(&dir)?.to_ne_bytes())?))?;
    let mut bytes = [0; 8];
    File::from(reader).read_exact(&mut bytes).context("reading what was counted")?;
    Ok(u64::from_ne_bytes(bytes))
}

fn sum(dir: &Path) -> Result<u64> {
    let (mut blocks, mut seen) = (0, HashSet::new());
    let mut todo = vec![dir.to_owned()];
    while let Some(path) = todo.pop() {
        let reading = || format!("reading {}", path.display());
        let meta = path.symlink_metadata().with_context(reading)?;
        if meta.is_dir() {
            for entry in fs::read_dir(&path).with_context(reading)? {
                todo.push(entry.with_context(reading)?.path());
            }
        }
        if meta.is_dir() || meta.nlink() == 1 || seen.insert((meta.dev(), meta.ino())) {
            blocks += meta.blocks();
        }
    }
    Ok(blocks * 512)
}
