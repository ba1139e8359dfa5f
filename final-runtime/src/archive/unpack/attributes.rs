//! Owners, extended attributes, modes and times, in this order: a new owner clears the set-user-ID
//! bit and file capabilities. See chown(2), capabilities(7).

use std::{
    ffi::OsStr,
    fs::{self, File, Permissions},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    fcntl::AtFlags,
    sys::{
        stat::{Mode, UtimensatFlags, fchmod, futimens, utimensat},
        time::TimeSpec,
    },
    unistd::{Gid, Uid, fchown, fchownat},
};
use step07::{Node, whiteout::is_overlays, xattr};

use super::{Attributes, Options, Owners, Whiteouts, place::Place};
use crate::archive::tar::{Entry, Kind, Time};

/// Gives a new regular file, open, what belongs to it.
pub fn set_open(place: &Place, file: &File, entry: &Entry, options: &Options) -> Result<()> {
    if options.owners == Owners::Archived {
        let (uid, gid) = owner(entry);
        fchown(file, uid, gid).with_context(|| giving_to(entry))?;
    }
    if !entry.xattrs.is_empty() {
        set_xattrs(&node(place, &entry.path)?, entry, options)?;
    }
    fchmod(file, Mode::from_bits_truncate(entry.mode)).context("setting its mode")?;
    let [atime, mtime] = times(entry.mtime);
    futimens(file, &atime, &mtime).context("setting its time")
}

/// Gives a new file of any other type what belongs to it.
pub fn set(place: &mut Place, entry: &Entry, options: &Options) -> Result<()> {
    let (dir, name) = place.parent(&entry.path)?;
    if options.owners == Owners::Archived {
        let (uid, gid) = owner(entry);
        fchownat(&*dir, name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)
            .with_context(|| giving_to(entry))?;
    }
    let link = matches!(entry.kind, Kind::Symlink(_));
    if !link || !entry.xattrs.is_empty() {
        let node = node(place, &entry.path)?;
        set_xattrs(&node, entry, options)?;
        if !link {
            let mode = Permissions::from_mode(entry.mode);
            fs::set_permissions(node.proc_path(), mode).context("setting its mode")?;
        }
    }
    let [atime, mtime] = times(entry.mtime);
    utimensat(&*dir, name, &atime, &mtime, UtimensatFlags::NoFollowSymlink)
        .context("setting its time")
}

/// Gives a directory what belongs to it. One that was there already loses what it had.
pub fn set_directory(place: &mut Place, entry: &Entry, options: &Options) -> Result<()> {
    let Some(dir) = place.tree.node(&entry.path)?.filter(Node::is_dir) else {
        return Ok(()); // a later entry of this path was no directory
    };
    if let Whiteouts::Apply = options.whiteouts {
        let all = xattr::all(&dir).context("reading its attributes")?;
        for name in all.keys().filter(|name| is_archived(name)) {
            permitted(options, xattr::remove(&dir, name))
                .with_context(|| format!("removing its attribute {name:?}"))?;
        }
    }
    set(place, entry, options)
}

fn node(place: &Place, path: &Path) -> Result<Node> {
    place.tree.node(path)?.context("it has vanished")
}

fn owner(entry: &Entry) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))
}

fn giving_to(entry: &Entry) -> String {
    format!("giving it to user {} and group {}", entry.uid, entry.gid)
}

/// The time of access stays as it is, which is now.
fn times(Time { seconds, nanos }: Time) -> [TimeSpec; 2] {
    [TimeSpec::UTIME_OMIT, TimeSpec::new(seconds, nanos)]
}

fn set_xattrs(node: &Node, entry: &Entry, options: &Options) -> Result<()> {
    for (name, value) in &entry.xattrs {
        let name = OsStr::from_bytes(name);
        if is_archived(name) {
            permitted(options, xattr::set(node, name, value))
                .with_context(|| format!("setting its attribute {name:?}"))?;
        }
    }
    Ok(())
}

/// Whether an attribute can be a layer's. Overlay's are its own, and would change what is seen of
/// other layers; the labels of security modules say what this host allows.
pub fn is_archived(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    let label = [&b"security.selinux"[..], b"security.apparmor", b"security.SMACK64"];
    !is_overlays(name) && !label.iter().any(|label| bytes.starts_with(label))
}

fn permitted(options: &Options, set: nix::Result<()>) -> nix::Result<()> {
    match (options.attributes, set) {
        (Attributes::Permitted, Err(Errno::EPERM | Errno::EOPNOTSUPP)) => Ok(()),
        (_, set) => set,
    }
}
