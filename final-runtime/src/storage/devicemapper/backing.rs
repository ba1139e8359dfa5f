//! What the pool is made of: a device for data and one for the pool's own records, as files or as
//! devices of the host. Neither is ever taken from somebody else: what the pool begins with has to
//! be empty, and what it goes on with has to be what it was.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::stat::{major, minor};
use step07::{Explain, bytes, sh};

use super::{
    block,
    loop_device::{self, Loop},
    options::Devices,
};

/// How long a device that is going away may hold on to its file.
const PATIENCE: Duration = Duration::from_secs(2);

/// `THIN_SUPERBLOCK_MAGIC` of the kernel's dm-thin-metadata.c, and where it and the transaction id
/// are in the first block: `struct thin_disk_superblock`, in little-endian.
const MAGIC: u64 = 27_022_010;
const MAGIC_AT: usize = 32;
const TRANSACTION_AT: usize = 48;
const SUPERBLOCK: usize = 4096;

/// One of the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A file, which needs a loop device.
    File(PathBuf),
    /// A device.
    Device(PathBuf),
}

/// Data and metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// For blocks of snapshots.
    pub data: Part,
    /// For the pool's records.
    pub metadata: Part,
}

impl Parts {
    /// Files in a directory.
    pub fn files(dir: &Path) -> Self {
        let file = |name| Part::File(dir.join(name));
        Self { data: file("data"), metadata: file("metadata") }
    }

    /// The devices that the person has named.
    pub fn devices(devices: &Devices) -> Self {
        let device = |path: &PathBuf| Part::Device(path.clone());
        Self { data: device(&devices.data), metadata: device(&devices.metadata) }
    }

    /// Whether a new pool may be made of them.
    pub fn ensure_empty(&self) -> Result<()> {
        for part in [&self.data, &self.metadata] {
            let empty = block::is_empty(&part.open()?)?;
            ensure!(
                empty,
                "{} is not empty: a new pool would overwrite what is there (if it is not needed, write zeroes over its first 128 KiB)",
                part.path().display()
            );
        }
        Ok(())
    }

    /// The transaction id of the pool whose records these are; `None` if it has not begun.
    pub fn transaction(&self) -> Result<Option<u64>> {
        let path = self.metadata.path().display();
        let mut block = [0; SUPERBLOCK];
        let read = self.metadata.open()?.read_exact_at(&mut block, 0);
        read.with_context(|| format!("reading {path}"))?;
        let number = |at: usize| block[at..].first_chunk().copied().map(u64::from_le_bytes);
        match number(MAGIC_AT) {
            Some(MAGIC) => Ok(number(TRANSACTION_AT)),
            _ if block.iter().all(|byte| *byte == 0) => Ok(None),
            _ => bail!("{path} has something else in it than a pool's records"),
        }
    }
}

impl Part {
    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Device(path) => path,
        }
    }

    /// Makes a sparse file of this size. Devices are as they are.
    pub fn make(&self, size: u64, explain: &Explain) -> Result<()> {
        let Self::File(path) = self else { return Ok(()) };
        let shell = sh([
            "truncate".as_ref(),
            "--size".as_ref(),
            size.to_string().as_ref(),
            path.as_os_str(),
        ]);
        explain.act(shell, format_args!("making {} {} long", path.display(), bytes(size)), || {
            let mut options = OpenOptions::new();
            let file = options.write(true).create(true).truncate(false).mode(0o600).open(path)?;
            file.set_len(size).and_then(|()| file.sync_all())
        })
    }

    /// Makes a file as large as it is asked to be, and the loop device as large as the file.
    pub fn grow(&self, device: &File, size: Option<u64>, explain: &Explain) -> Result<()> {
        let Self::File(path) = self else { return Ok(()) };
        let looking = || format!("looking at {}", path.display());
        let had = fs::metadata(path).with_context(looking)?.len();
        let wanted = size.unwrap_or(had);
        if wanted < had {
            let (had, wanted) = (bytes(had), bytes(wanted));
            bail!("{} has {had}, and cannot shrink to {wanted}", path.display());
        }
        if wanted > had {
            self.make(wanted, explain)?;
        }
        match block::size(device)? {
            size if size < wanted => Loop::open(minor(block::number(device)?))?.grow(explain),
            _ => Ok(()),
        }
    }

    /// As a block device, which is open. A file gets a loop device, unless it has one.
    pub fn attach(&self, explain: &Explain) -> Result<File> {
        match self {
            Self::File(path) => {
                wait_until_free(path)?;
                Ok(Loop::attach(path, explain)?.device)
            }
            Self::Device(path) => {
                drop(block::open_exclusively(path)?); // or it is mounted, or a part of something
                self.open()
            }
        }
    }

    /// The device that it is while the pool is active, if it is this number.
    pub fn attached(&self, number: u64) -> Result<Option<File>> {
        match self {
            Self::File(path) if major(number) == loop_device::MAJOR => {
                let found = Loop::open(minor(number))?;
                Ok(found.is_of(path)?.then_some(found.device))
            }
            Self::File(_) => Ok(None),
            Self::Device(_) => {
                let device = self.open()?;
                Ok((block::number(&device)? == number).then_some(device))
            }
        }
    }

    /// Opens it for reading what the pool has written there.
    pub fn open(&self) -> Result<File> {
        let open = || -> Result<File> {
            let file = OpenOptions::new().read(true).write(true).open(self.path())?;
            if let Self::Device(_) = self {
                block::forget_cache(&file)?;
            }
            Ok(file)
        };
        open().with_context(|| format!("opening {}", self.path().display()))
    }
}

/// Two loop devices with one file would not know of each other's writes. One that is there belongs
/// to a pool that is just being removed, or to somebody else.
fn wait_until_free(file: &Path) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while let Some(found) = Loop::of(file)? {
        let (path, device) = (file.display(), found.path().display());
        ensure!(Instant::now() < deadline, "{path} is attached to {device} by somebody else");
        drop(found);
        sleep(Duration::from_millis(10));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
