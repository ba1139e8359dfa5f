//! Files as block devices. See loop(4).
//!
//! A loop device here has the flag to detach itself at its last close (`LO_FLAGS_AUTOCLEAR`). So it
//! needs nobody to clear it away: it lives as long as the device-mapper's table that has it open,
//! and if this process is killed before there is such a table, it goes with the descriptor.

use std::{
    fs::{self, File, OpenOptions},
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use nix::{errno::Errno, sys::stat::makedev};
use step07::{Explain, sh};

use super::node::{self, Kind};

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

/// Of all loop devices. See the kernel's devices.txt.
pub const MAJOR: u64 = 7;

/// How often somebody else may take the free device that has been found.
const ATTEMPTS: usize = 64;

mod request {
    use super::{Config, Info};

    nix::ioctl_read_bad!(get_status64, 0x4c05, Info);
    nix::ioctl_none_bad!(set_capacity, 0x4c07);
    nix::ioctl_write_ptr_bad!(configure, 0x4c0a, Config);
    nix::ioctl_write_int_bad!(get_free, 0x4c82);
}

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
        let shell =
            ["losetup".as_ref(), "--find".as_ref(), "--direct-io=on".as_ref(), file.as_os_str()];
        explain.act(
            sh(shell),
            format_args!("attaching {} to a loop device", file.display()),
            || {
                for _ in 0..ATTEMPTS {
                    let found = Self::free()?;
                    match found.configure(&backing) {
                        Err(Errno::EBUSY) => {}
                        configured => return configured.map(|()| found).context("setting it up"),
                    }
                }
                bail!("others were faster {ATTEMPTS} times")
            },
        )
    }

    /// The loop device that has this file behind it already.
    pub fn of(file: &Path) -> Result<Option<Self>> {
        for entry in fs::read_dir("/sys/block").context("reading /sys/block")?.flatten() {
            let number =
                entry.file_name().to_str().and_then(|name| name.strip_prefix("loop")?.parse().ok());
            let Some(number) = number.filter(|_| entry.path().join("loop").exists()) else {
                continue; // another kind of device, or one without a file
            };
            match Self::open(number) {
                Ok(found) if found.is_of(file)? => return Ok(Some(found)),
                _ => {} // another's, or gone by now
            }
        }
        Ok(None)
    }

    /// The loop device of this number, with or without a file.
    pub fn open(number: u64) -> Result<Self> {
        let path = PathBuf::from(format!("/dev/loop{number}"));
        node::ensure(&path, Kind::Block, makedev(MAJOR, number))?;
        Ok(Self { device: open(&path)?, path })
    }

    /// Whether this file is behind it.
    pub fn is_of(&self, file: &Path) -> Result<bool> {
        let file = fs::metadata(file).with_context(|| format!("looking at {}", file.display()))?;
        // SAFETY: numbers and arrays of numbers, all of which may be 0.
        let mut info: Info = unsafe { std::mem::zeroed() };
        // SAFETY: the ioctl writes one `Info`.
        let found = unsafe { request::get_status64(self.device.as_raw_fd(), &raw mut info) };
        Ok(found.is_ok() && (info.device, info.inode) == (file.dev(), file.ino()))
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
            unsafe { request::set_capacity(self.device.as_raw_fd()) }.map(drop)
        })
    }

    fn free() -> Result<Self> {
        let control = open(Path::new("/dev/loop-control"))?;
        // SAFETY: the ioctl takes a number that it does not use.
        let number = unsafe { request::get_free(control.as_raw_fd(), 0) };
        Self::open(u64::try_from(number.context("finding a free one")?)?)
    }

    fn configure(&self, backing: &File) -> nix::Result<()> {
        // SAFETY: numbers and arrays of numbers, all of which may be 0.
        let mut config: Config = unsafe { std::mem::zeroed() };
        config.fd = backing.as_raw_fd().cast_unsigned();
        config.info.flags = AUTOCLEAR | DIRECT_IO;
        // SAFETY: the ioctl reads one `Config`.
        unsafe { request::configure(self.device.as_raw_fd(), &raw const config) }.map(drop)
    }
}

fn open(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    opened.with_context(|| format!("opening {}", path.display()))
}
