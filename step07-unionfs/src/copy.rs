//! Copying one file into a tree with all that belongs to it: type, owner, mode, times, extended
//! attributes, holes.
//!
//! See copy_file_range(2), FICLONE in ioctl_ficlone(2), SEEK_DATA in lseek(2), utimensat(2).

use std::{
    ffi::OsStr,
    fs::{self, File, Permissions},
    io::{self, Read, Seek, SeekFrom},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::fs::PermissionsExt,
    },
    path::Path,
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, AtFlags, OFlag, openat},
    sys::stat::{Mode, SFlag, mkdirat, mknodat},
    unistd::{Gid, Uid, Whence, fchownat, linkat, lseek64, symlinkat},
};

use crate::{Node, Tree, whiteout, xattr};

impl Tree {
    /// Makes a copy of `file` at `path`: a directory without what is in it, and without
    /// [`attributes`](Self::copy_attributes), any other file complete.
    pub fn copy(&self, file: &Node, path: &Path) -> Result<()> {
        let (dir, name) = self.parent(path)?;
        let type_ = file.file_type();
        match type_ {
            SFlag::S_IFDIR => return Ok(mkdirat(&dir, name, Mode::S_IRWXU)?),
            SFlag::S_IFREG => copy_data(file, &dir, name)?,
            SFlag::S_IFLNK => symlinkat(file.target()?.as_os_str(), &dir, name)?,
            _ => mknodat(&dir, name, type_, Mode::empty(), file.stat.st_rdev)?,
        }
        self.copy_attributes(file, path)
    }

    /// Gives the file at `path` the owner, mode, times and attributes of `from`.
    pub fn copy_attributes(&self, from: &Node, path: &Path) -> Result<()> {
        let to = self.node(path)?.context("it has vanished")?;
        // The order matters: a new owner clears the set-user-ID bit and file capabilities.
        if (to.stat.st_uid, to.stat.st_gid) != (from.stat.st_uid, from.stat.st_gid) {
            let owner = (Uid::from_raw(from.stat.st_uid), Gid::from_raw(from.stat.st_gid));
            fchownat(&to, "", Some(owner.0), Some(owner.1), AtFlags::AT_EMPTY_PATH)
                .context("changing its owner")?;
        }
        for (name, value) in xattr::all(from).context("reading its attributes")? {
            if !whiteout::is_private(&name) && name != "security.selinux" {
                xattr::set(&to, &name, &value).with_context(|| format!("setting its {name:?}"))?;
            }
        }
        if from.file_type() != SFlag::S_IFLNK {
            let mode = Permissions::from_mode(from.permissions().bits());
            fs::set_permissions(to.proc_path(), mode).context("changing its mode")?;
        }
        copy_times(from, &to).context("changing its times")
    }

    /// Makes another name, `path`, for the file at `first`. See linkat(2).
    pub fn link(&self, first: &Path, path: &Path) -> Result<()> {
        let file = self.node(first)?.context("its other name has vanished")?;
        let (dir, name) = self.parent(path)?;
        Ok(linkat(AT_FDCWD, &file.proc_path(), &dir, name, AtFlags::AT_SYMLINK_FOLLOW)?)
    }
}

fn copy_times(from: &Node, to: &Node) -> nix::Result<()> {
    let stat = &from.stat;
    let times = [
        libc::timespec { tv_sec: stat.st_atime, tv_nsec: stat.st_atime_nsec },
        libc::timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec },
    ];
    let (fd, empty) = (to.as_fd().as_raw_fd(), c"".as_ptr());
    // SAFETY: the kernel reads two times and an empty string.
    let result = unsafe { libc::utimensat(fd, empty, times.as_ptr(), libc::AT_EMPTY_PATH) };
    Errno::result(result).map(drop)
}

nix::ioctl_write_int!(ficlone, 0x94, 9);

/// A new file with the same content: the same blocks where the file system can share them.
fn copy_data(file: &Node, dir: &OwnedFd, name: &OsStr) -> Result<()> {
    let from = file.open().context("opening it")?;
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    let to = File::from(openat(dir, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
    let source = u64::try_from(from.as_raw_fd()).expect("an open descriptor is not negative");
    // SAFETY: the argument is a descriptor, and the kernel touches no memory of ours.
    if unsafe { ficlone(to.as_raw_fd(), source) }.is_ok() {
        return Ok(());
    }
    copy_extents(&from, &to).context("copying its content")
}

/// Copies what is data and leaves out what is a hole.
fn copy_extents(from: &File, to: &File) -> io::Result<()> {
    let length = from.metadata()?.len();
    to.set_len(length)?;
    let mut end = 0;
    while let Some(start) = seek_data(from, end)? {
        end = lseek64(from, start, Whence::SeekHole)?;
        let (mut from, mut to) = (from, to);
        from.seek(SeekFrom::Start(start.cast_unsigned()))?;
        to.seek(SeekFrom::Start(start.cast_unsigned()))?;
        // Between files, this is copy_file_range(2) where the kernel can do it.
        io::copy(&mut from.take((end - start).cast_unsigned()), &mut to)?;
    }
    Ok(())
}

/// Where the next data begins, if there is any.
fn seek_data(file: &File, from: i64) -> io::Result<Option<i64>> {
    match lseek64(file, from, Whence::SeekData) {
        Ok(start) => Ok(Some(start)),
        Err(Errno::ENXIO) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}
