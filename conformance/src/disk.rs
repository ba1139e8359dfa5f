//! A disk of a test's own: a loop device over a file in its sandbox. See loop(4).

use std::{
    fs::{self, File},
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    sys::stat::{major, minor},
};

use crate::Sandbox;

// See linux/loop.h.
const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4c82;
const LOOP_CONFIGURE: libc::c_ulong = 0x4c0a;
/// The kernel lets go of the file when nobody has the device open any more.
const LO_FLAGS_AUTOCLEAR: u32 = 4;
const LO_FLAGS_PARTSCAN: u32 = 8;

/// How long the kernel may take to let go of a file.
const PATIENCE: Duration = Duration::from_secs(5);

/// A disk, which is gone when this is dropped, and when its process is killed.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    device: Option<File>,
}

/// `struct loop_config`: of its `struct loop_info64` only the flags matter here.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    before_flags: [u32; 13],
    flags: u32,
    after_flags: [u32; 44],
    reserved: [u64; 8],
}

// See linux/blkpg.h.
const BLKPG: libc::c_ulong = 0x1269;
const BLKPG_ADD_PARTITION: i32 = 1;

#[repr(C)]
struct BlkpgArg {
    op: i32,
    flags: i32,
    length: i32,
    data: *const BlkpgPartition,
}

#[repr(C)]
struct BlkpgPartition {
    start: i64,
    length: i64,
    number: i32,
    names: [u8; 128],
}

impl Disk {
    /// An empty one of so many bytes.
    pub fn new(sandbox: &Sandbox, size: u64) -> Result<Self> {
        let path = sandbox.dir().join("disk");
        let file =
            File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
        file.set_len(size)?;
        loop {
            match attach(&file) {
                Err(error) if error.downcast_ref() == Some(&Errno::EBUSY) => {} // another was faster
                disk => return disk.context("making a loop device"),
            }
        }
    }

    /// Its device.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The numbers of the device, as mknod(1) takes them.
    pub fn numbers(&self) -> Result<(u64, u64)> {
        let device = fs::metadata(&self.path)?.rdev();
        Ok((major(device), minor(device)))
    }

    /// Makes the second MiB a partition, as far as the kernel is concerned, which has not
    /// read that from the disk: the partition's device.
    pub fn partition(&self) -> Result<PathBuf> {
        let device = self.device.as_ref().context("the disk is gone")?;
        let (start, length) = (1 << 20, 1 << 20);
        let partition = BlkpgPartition { start, length, number: 1, names: [0; 128] };
        let arg = BlkpgArg {
            op: BLKPG_ADD_PARTITION,
            flags: 0,
            length: size_of::<BlkpgPartition>() as i32,
            data: &raw const partition,
        };
        // SAFETY: the kernel reads both, which live until the call returns.
        let done = unsafe { libc::ioctl(device.as_raw_fd(), BLKPG, &raw const arg) };
        Errno::result(done).context("making a partition")?;
        Ok(format!("{}p1", self.path.display()).into())
    }
}

impl Drop for Disk {
    /// When the last who has it open closes it, its file is let go, but not at once.
    fn drop(&mut self) {
        let name = self.path.file_name().unwrap_or_default();
        let file = Path::new("/sys/block").join(name).join("loop/backing_file");
        drop(self.device.take());
        let deadline = Instant::now() + PATIENCE;
        while file.exists() && Instant::now() < deadline {
            sleep(Duration::from_millis(5));
        }
    }
}

fn attach(file: &File) -> Result<Disk> {
    let control = File::options().read(true).write(true).open("/dev/loop-control")?;
    // SAFETY: it takes nothing and returns a number.
    let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) };
    let path = PathBuf::from(format!("/dev/loop{}", Errno::result(number)?));
    let device = File::options().read(true).write(true).open(&path)?;
    let config = LoopConfig {
        fd: file.as_raw_fd().cast_unsigned(),
        block_size: 0,
        before_flags: [0; 13],
        flags: LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN,
        after_flags: [0; 44],
        reserved: [0; 8],
    };
    // SAFETY: the kernel reads what it is given, which lives until the call returns.
    let done = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const config) };
    Errno::result(done)?;
    Ok(Disk { path, device: Some(device) })
}
