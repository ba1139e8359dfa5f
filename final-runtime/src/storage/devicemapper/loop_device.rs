//! Files as block devices. See loop(4).
//!
//! A loop device here has the flag to detach itself at its last close (`LO_FLAGS_AUTOCLEAR`). So it
//! needs nobody to clear it away: it lives as long as the device-mapper's table that has it open,
//! and if this process is killed before there is such a table, it goes with the descriptor.

use std::{
    fs::{self, File, OpenOptions},
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use nix::{
    errno::Errno, ioctl_none_bad, ioctl_read_bad, ioctl_write_int_bad, ioctl_write_ptr_bad,
    sys::stat::makedev,
};
use step07::{Explain, sh};

use super::{
    block,
    node::{self, Kind},
};

/// `struct loop_info64` of linux/loop.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct Info {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config` of linux/loop.h.
#[repr(C)]
struct Config {
    fd: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

/// `LO_FLAGS_AUTOCLEAR`, `LO_FLAGS_DIRECT_IO`.
const AUTOCLEAR: u32 = 4;
const DIRECT_IO: u32 = 16;

/// How often somebody else may take the free device that has been found.
const ATTEMPTS: usize = 64;

ioctl_none_bad!(loop_clr_fd, 0x4c01);
ioctl_read_bad!(loop_get_status64, 0x4c05, Info);
ioctl_none_bad!(loop_set_capacity, 0x4c07);
ioctl_write_ptr_bad!(loop_configure, 0x4c0a, Config);
ioctl_write_int_bad!(loop_ctl_get_free, 0x4c82);

/// A loop device with a file behind it, open.
pub struct Loop {
    /// The device.
    pub device: File,
    path: PathBuf,
}

impl Loop {
    /// Makes a block device of a file. What is written to it goes to the file at once, where the
    /// file's file system can do that: the page cache is above the device already.
    pub fn attach(file: &Path, explain: &Explain) -> Result<Self> {
        let backing = open(file)?;
        let shell = ["losetup".as_ref(), "--find".as_ref(), "--direct-io=on".as_ref(), file.as_os_str()];
        explain.act(sh(shell), format_args!("attaching {} to a loop device", file.display()), || {
            for _ in 0..ATTEMPTS {
                let found = Self::free()?;
                match found.configure(&backing) {
                    Err(Errno::EBUSY) => {}
                    configured => return configured.map(|()| found).context("setting it up"),
                }
            }
            bail!("others were faster {ATTEMPTS} times")
        })
    }

    /// The loop device that has this file behind it already.
    pub fn of(file: &Path) -> Result<Option<Self>> {
        let file = fs::metadata(file).with_context(|| format!("looking at {}", file.display()))?;
        for entry in fs::read_dir("/sys/block").context("reading /sys/block")?.flatten() {
            if !entry.path().join("loop").exists() {
                continue; // another kind, or one without a file
            }
            // One that goes away at this moment is none.
            let path = Path::new("/dev").join(entry.file_name());
            let Ok(device) = open(&path) else { continue };
            if info(&device).is_ok_and(|info| (info.device, info.inode) == (file.dev(), file.ino())) {
                return Ok(Some(Self { device, path }));
            }
        }
        Ok(None)
    }

    /// Where its node is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes notice that the file has grown.
    pub fn grow(&self, explain: &Explain) -> Result<()> {
        let shell = ["losetup".as_ref(), "--set-capacity".as_ref(), self.path.as_os_str()];
        explain.act(sh(shell), format_args!("growing {}", self.path.display()), || {
            // SAFETY: the ioctl has no argument.
            unsafe { loop_set_capacity(self.device.as_raw_fd()) }.map(drop)
        })
    }

    /// Detaches the file, now or at the last close by others.
    pub fn detach(self, explain: &Explain) -> Result<()> {
        let shell = ["losetup".as_ref(), "--detach".as_ref(), self.path.as_os_str()];
        explain.act(sh(shell), format_args!("detaching {}", self.path.display()), || {
            // SAFETY: the ioctl has no argument.
            unsafe { loop_clr_fd(self.device.as_raw_fd()) }.map(drop)
        })
    }

    fn free() -> Result<Self> {
        let control = open(Path::new("/dev/loop-control"))?;
        // SAFETY: the ioctl takes a number that it does not use.
        let number = unsafe { loop_ctl_get_free(control.as_raw_fd(), 0) };
        let number = number.context("finding a free one")?;
        let path = PathBuf::from(format!("/dev/loop{number}"));
        node::ensure(&path, Kind::Block, makedev(7, u64::try_from(number)?))?;
        Ok(Self { device: open(&path)?, path })
    }

    fn configure(&self, backing: &File) -> nix::Result<()> {
        // SAFETY: numbers and arrays of numbers, all of which may be 0.
        let mut config: Config = unsafe { std::mem::zeroed() };
        config.fd = backing.as_raw_fd().cast_unsigned();
        config.info.flags = AUTOCLEAR | DIRECT_IO;
        // SAFETY: the ioctl reads one `Config`.
        unsafe { loop_configure(self.device.as_raw_fd(), &raw const config) }.map(drop)
    }
}

fn info(device: &File) -> nix::Result<Info> {
    // SAFETY: numbers and arrays of numbers, all of which may be 0.
    let mut info: Info = unsafe { std::mem::zeroed() };
    // SAFETY: the ioctl writes one `Info`.
    unsafe { loop_get_status64(device.as_raw_fd(), &raw mut info) }?;
    Ok(info)
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).custom_flags(libc::O_CLOEXEC).open(path);
    opened.with_context(|| format!("opening {}", path.display()))
}
