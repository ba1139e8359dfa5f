//! Subvolumes of btrfs, by ioctl(2).
//!
//! See `linux/btrfs.h` and btrfs-subvolume(8). A subvolume is a tree of files of its own within the
//! file system, and looks like a directory; its root has inode number 256 everywhere.

use std::{
    ffi::OsStr,
    mem,
    os::{
        fd::{AsFd, AsRawFd},
        unix::ffi::OsStrExt,
    },
};

use nix::{errno::Errno, sys::stat::FileStat};

/// `struct btrfs_ioctl_vol_args`.
#[repr(C)]
struct Args {
    fd: i64,
    name: [u8; 4088],
}

/// `struct btrfs_ioctl_vol_args_v2`.
#[repr(C)]
struct ArgsV2 {
    fd: i64,
    transid: u64,
    flags: u64,
    unused: [u64; 4],
    name: [u8; 4040],
}

const _: () = assert!(mem::size_of::<Args>() == 4096 && mem::size_of::<ArgsV2>() == 4096);

nix::ioctl_write_ptr!(subvol_create, 0x94, 14, Args);
nix::ioctl_write_ptr!(snap_destroy, 0x94, 15, Args);
nix::ioctl_write_ptr!(snap_create, 0x94, 23, ArgsV2);
nix::ioctl_read!(get_flags, 0x94, 25, u64);
nix::ioctl_write_ptr!(set_flags, 0x94, 26, u64);

const READ_ONLY: u64 = 2; // BTRFS_SUBVOL_RDONLY

/// Makes an empty subvolume `name` in `dir`.
pub fn create(dir: impl AsFd, name: &OsStr) -> nix::Result<()> {
    let args = Args { fd: 0, name: padded(name)? };
    // SAFETY: the kernel reads one `Args`.
    unsafe { subvol_create(dir.as_fd().as_raw_fd(), &raw const args) }.map(drop)
}

/// Makes a subvolume `name` in `dir` that is as `source`, a subvolume, is at this moment. Subvolumes
/// in that are empty directories in this.
pub fn snapshot(source: impl AsFd, dir: impl AsFd, name: &OsStr) -> nix::Result<()> {
    let fd = i64::from(source.as_fd().as_raw_fd());
    let args = ArgsV2 { fd, transid: 0, flags: 0, unused: [0; 4], name: padded(name)? };
    // SAFETY: the kernel reads one `ArgsV2`.
    unsafe { snap_create(dir.as_fd().as_raw_fd(), &raw const args) }.map(drop)
}

/// Removes the subvolume `name` in `dir` with all that is in it but other subvolumes: with those in
/// it, it is ENOTEMPTY. The space is free a while later.
pub fn destroy(dir: impl AsFd, name: &OsStr) -> nix::Result<()> {
    let args = Args { fd: 0, name: padded(name)? };
    // SAFETY: the kernel reads one `Args`.
    unsafe { snap_destroy(dir.as_fd().as_raw_fd(), &raw const args) }.map(drop)
}

/// Forbids all changes in a subvolume, or allows them again.
pub fn set_read_only(subvolume: impl AsFd, read_only: bool) -> nix::Result<()> {
    let fd = subvolume.as_fd().as_raw_fd();
    let mut flags = 0;
    // SAFETY: the kernel writes one integer.
    unsafe { get_flags(fd, &raw mut flags) }?;
    flags = if read_only { flags | READ_ONLY } else { flags & !READ_ONLY };
    // SAFETY: the kernel reads one integer.
    unsafe { set_flags(fd, &raw const flags) }.map(drop)
}

/// Whether a file on btrfs is the root of a subvolume.
pub fn is_root(stat: &FileStat) -> bool {
    const FIRST_FREE_OBJECTID: u64 = 256;
    stat.st_ino == FIRST_FREE_OBJECTID
}

/// A name with zero bytes after it, at least one.
fn padded<const N: usize>(name: &OsStr) -> nix::Result<[u8; N]> {
    let mut bytes = [0; N];
    let name = name.as_bytes();
    if name.len() >= N || name.contains(&0) {
        return Err(Errno::ENAMETOOLONG);
    }
    bytes[..name.len()].copy_from_slice(name);
    Ok(bytes)
}
