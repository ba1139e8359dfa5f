//! A copy of the workspace, and of the libraries of others that are built already.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// What is no source.
const LEFT_OUT: [&str; 4] = ["target", ".git", ".workshop", "book/book"];

/// Makes `to` what the workspace in `from` is, with some files by way of `change`. What is the same
/// already stays untouched, since cargo goes by the times of files; what is not gets the time of now.
pub fn sources(
    from: &Path,
    to: &Path,
    change: impl Fn(&Path, Vec<u8>) -> Result<Vec<u8>>,
) -> Result<()> {
    let copy = || -> Result<()> {
        let wanted = files(from, Path::new(""))?;
        if to.exists() {
            for old in files(to, Path::new(""))?.difference(&wanted) {
                fs::remove_file(to.join(old))?;
            }
        }
        for name in &wanted {
            let new = change(name, fs::read(from.join(name))?)?;
            let path = to.join(name);
            if fs::read(&path).is_ok_and(|old| old == new) {
                continue;
            }
            fs::create_dir_all(path.parent().unwrap_or(to))?;
            fs::write(&path, new)?;
            fs::set_permissions(&path, fs::metadata(from.join(name))?.permissions())?;
        }
        Ok(())
    };
    copy().with_context(|| format!("copying {} to {}", from.display(), to.display()))
}

/// Every file below `dir` of a folder such as the workspace, relative to the folder.
pub fn files(root: &Path, dir: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root.join(dir))? {
        let entry = entry?;
        let name = dir.join(entry.file_name());
        if LEFT_OUT.iter().any(|left_out| name == Path::new(left_out)) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            found.extend(files(root, &name)?);
        } else if kind.is_file() {
            found.insert(name);
        }
    }
    Ok(found)
}

/// Gives a new target directory the libraries of others from one that is in use: links to the same
/// files, which nobody changes, since a library of another version or profile has another name.
/// `members` are the workspace's own packages, which are built anew. It is a saving and no more.
pub fn libraries(from: &Path, to: &Path, members: &[&str]) -> io::Result<()> {
    if to.exists() || !from.join(".fingerprint").is_dir() {
        return Ok(());
    }
    // `.fingerprint/PACKAGE-HASH`, `build/PACKAGE-HASH`, `deps/libCRATE-HASH.rlib` and the like
    let mut hashes = BTreeSet::new();
    for entry in fs::read_dir(from.join(".fingerprint"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((package, hash)) = name.rsplit_once('-') else { continue };
        if !members.contains(&package) && is_built(&entry.path()) {
            hashes.insert(hash.to_string());
        }
    }
    for part in [".fingerprint", "build", "deps"] {
        for entry in fs::read_dir(from.join(part))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let stem = name.split('.').next().unwrap_or_default();
            let hash = if part == "deps" { stem } else { &name }.rsplit_once('-');
            if hash.is_some_and(|(_, hash)| hashes.contains(hash)) {
                link(&from.join(part).join(&name), &to.join(part).join(&name))?;
            }
        }
    }
    Ok(())
}

/// Whether cargo has written down of a library that it is made: another cargo may be at work.
fn is_built(fingerprint: &Path) -> bool {
    let files = fs::read_dir(fingerprint).into_iter().flatten().flatten();
    files.map(|file| file.path()).any(|path| path.extension().is_some_and(|end| end == "json"))
}

/// A file or a directory with all that is in it, by hard links; times stay as they are.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            link(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    fs::hard_link(from, to)
}
