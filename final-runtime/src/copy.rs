//! Copying files and directories from one tree to another, neither of which is to be trusted: for
//! `cp`.
//!
//! No link is followed, in whatever moment it is laid, and nothing leaves either tree: each step is
//! taken by descriptor (see `tree.rs` of step 7).

use std::{
    ffi::OsStr,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    errno::Errno,
    fcntl::AtFlags,
    sys::stat::SFlag,
    unistd::{Gid, Uid, UnlinkatFlags, fchownat, unlinkat},
};
use step07::{Node, Tree};
use tar::{Builder, EntryType, Header};

/// Whose the copies are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Those whose the files are.
    Same,
    /// These numbers'.
    Is(u32, u32),
}

/// Copies the file or directory at `from` of one tree to `to` of the other. A directory that is
/// there already is added to; any other file is replaced. Of what is in a directory, sockets, pipes
/// and devices are left out.
pub fn copy(source: &Tree, from: &Path, target: &Tree, to: &Path, owner: Owner) -> Result<()> {
    let mut todo = vec![(from.to_owned(), to.to_owned())];
    let (mut dirs, mut named) = (Vec::new(), true);
    while let Some((from, to)) = todo.pop() {
        let copied = copy_one(source, &from, target, &to, owner, named);
        named = false;
        if copied.with_context(|| format!("copying {}", source.display(&from)))? {
            let names = source.names(&from)?;
            todo.extend(names.iter().map(|name| (from.join(name), to.join(name))));
            dirs.push((from, to));
        }
    }
    // What is copied into a directory changes its times, and its mode may forbid it.
    for (from, to) in dirs.iter().rev() {
        let node = source.node(from)?.context("it has vanished")?;
        finish(&node, target, to, owner).with_context(|| format!("copying {}", from.display()))?;
    }
    Ok(())
}

/// Whether it is a directory, with things in it to be copied.
fn copy_one(
    source: &Tree,
    from: &Path,
    target: &Tree,
    to: &Path,
    owner: Owner,
    named: bool,
) -> Result<bool> {
    let node = source.node(from)?.context("it has vanished")?;
    let there = target.node(to)?;
    if node.is_dir() {
        match there {
            Some(there) if there.is_dir() => {}
            Some(_) => bail!("{} is there, and no directory", target.display(to)),
            None => target.copy(&node, to)?,
        }
        return Ok(true);
    }
    if !matches!(node.file_type(), SFlag::S_IFREG | SFlag::S_IFLNK) {
        ensure!(!named, "it is neither a file nor a directory nor a symbolic link");
        return Ok(false);
    }
    match there {
        Some(there) if there.is_dir() => bail!("{} is a directory", target.display(to)),
        Some(_) => {
            let (dir, name) = target.parent(to)?;
            unlinkat(&dir, name, UnlinkatFlags::NoRemoveDir).context("replacing what is there")?;
        }
        None => {}
    }
    target.copy(&node, to)?;
    give(target, to, owner)?;
    Ok(false)
}

fn finish(node: &Node, target: &Tree, to: &Path, owner: Owner) -> Result<()> {
    // An empty path is the directory that things were copied into: it stays as it is.
    if to == Path::new("") {
        return Ok(());
    }
    target.copy_attributes(node, to)?;
    give(target, to, owner)
}

/// A new owner clears the set-user-ID bit, and so it should: it stood for another.
fn give(target: &Tree, to: &Path, owner: Owner) -> Result<()> {
    let Owner::Is(uid, gid) = owner else { return Ok(()) };
    let copied = target.node(to)?.context("it has vanished")?;
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    match fchownat(&copied, "", Some(uid), Some(gid), AtFlags::AT_EMPTY_PATH) {
        Err(Errno::EPERM) if copied.stat.st_uid == uid.as_raw() => Ok(()),
        given => given.context("changing its owner"),
    }
}

/// Writes the file or directory at `from` as an archive in which it is called `name`.
pub fn archive(source: &Tree, from: &Path, name: &OsStr, to: impl Write) -> Result<()> {
    let mut builder = Builder::new(to);
    let mut todo = vec![(from.to_owned(), PathBuf::from(name))];
    while let Some((from, name)) = todo.pop() {
        let added = append(source, &from, &name, &mut builder);
        if added.with_context(|| format!("reading {}", source.display(&from)))? {
            let names = source.names(&from)?;
            todo.extend(names.iter().map(|entry| (from.join(entry), name.join(entry))));
        }
    }
    builder.into_inner().and_then(|mut to| to.flush()).context("writing the archive")
}

/// Whether it is a directory, with things in it to be added.
fn append(source: &Tree, from: &Path, name: &Path, to: &mut Builder<impl Write>) -> Result<bool> {
    let node = source.node(from)?.context("it has vanished")?;
    let mut header = Header::new_gnu();
    header.set_mode(node.permissions().bits());
    header.set_uid(node.stat.st_uid.into());
    header.set_gid(node.stat.st_gid.into());
    header.set_mtime(u64::try_from(node.stat.st_mtime).unwrap_or(0));
    header.set_size(0);
    match node.file_type() {
        SFlag::S_IFDIR => {
            header.set_entry_type(EntryType::Directory);
            to.append_data(&mut header, name, std::io::empty())?;
        }
        SFlag::S_IFLNK => {
            header.set_entry_type(EntryType::Symlink);
            to.append_link(&mut header, name, node.target()?)?;
        }
        SFlag::S_IFREG => {
            let size = u64::try_from(node.stat.st_size).unwrap_or(0);
            header.set_entry_type(EntryType::Regular);
            header.set_size(size);
            to.append_data(&mut header, name, node.open()?.take(size))?;
        }
        _ => {} // an archive for a person has no use for sockets and devices
    }
    Ok(node.is_dir())
}
