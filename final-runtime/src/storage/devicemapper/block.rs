//! Block devices: how large one is, giving back what is on it, and whether it is empty. See the
//! ioctls in linux/fs.h, blkdiscard(8).

use std::{
    fs::{File, OpenOptions},
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt},
    },
    path::Path,
};

use anyhow::{Context, Result, ensure};
use nix::{ioctl_none_bad, ioctl_read, ioctl_write_ptr_bad, request_code_none};

/// What the kernel counts devices in.
pub const SECTOR: u64 = 512;

/// Where file systems, partition tables and volume managers have their marks.
const HEAD: usize = 128 << 10;

ioctl_none_bad!(blkflsbuf, request_code_none!(0x12, 97));
ioctl_read!(blkgetsize64, 0x12, 114, u64);
ioctl_write_ptr_bad!(blkdiscard, request_code_none!(0x12, 119), [u64; 2]);

/// Opens one that nobody else has mounted or made a part of something.
pub fn open_exclusively(path: &Path) -> Result<File> {
    let open = || {
        let file =
            OpenOptions::new().read(true).write(true).custom_flags(libc::O_EXCL).open(path)?;
        ensure!(file.metadata()?.file_type().is_block_device(), "it is no block device");
        Ok(file)
    };
    open().with_context(|| format!("opening {}", path.display()))
}

/// Forgets what the page cache has of a device. The kernel's own users of a device, as a pool is, do
/// not go through that, so it may be long out of date.
pub fn forget_cache(device: &File) -> Result<()> {
    // SAFETY: the ioctl has no argument.
    unsafe { blkflsbuf(device.as_raw_fd()) }.context("forgetting what is cached of it")?;
    Ok(())
}

/// The number of the device that this is.
pub fn number(device: &File) -> Result<u64> {
    Ok(device.metadata()?.rdev())
}

/// In bytes.
pub fn size(device: &File) -> Result<u64> {
    let mut bytes = 0;
    // SAFETY: the ioctl writes one number of 64 bits.
    unsafe { blkgetsize64(device.as_raw_fd(), &raw mut bytes) }.context("asking for its size")?;
    Ok(bytes)
}

/// Tells a device that the content of its first `bytes` is not needed any more.
pub fn discard(device: &File, bytes: u64) -> Result<()> {
    let range = [0, bytes];
    // SAFETY: the ioctl reads two numbers of 64 bits.
    unsafe { blkdiscard(device.as_raw_fd(), &raw const range) }.context("discarding its blocks")?;
    Ok(())
}

/// Whether there is nothing at the beginning of a device or file, where all mark what is theirs.
pub fn is_empty(device: &File) -> Result<bool> {
    let mut head = vec![0; HEAD];
    let mut filled = 0;
    while filled < HEAD {
        match device.read_at(&mut head[filled..], filled as u64).context("reading its beginning")? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(head.iter().all(|byte| *byte == 0))
}
