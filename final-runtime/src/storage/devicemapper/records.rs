//! What is written down: what the pool is made of, and which of its devices is which snapshot. The
//! pool itself knows its devices by number alone.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{backing::Parts, change::Change, filesystem::Filesystem, options::Devices};
use crate::lifecycle::record::load;

/// The name of the empty file system that others are made from. No snapshot can have it.
pub const BASE: &str = "/";

/// The pool numbers its devices with 24 bits.
const IDS: u32 = 1 << 24;

/// All that is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// 12 hexadecimal digits, in the names of this store's devices.
    pub store: String,
    /// What the pool is made of.
    pub backing: Backing,
    /// In bytes.
    pub block_size: u64,
    /// Whether the kernel has ever been given what the pool is made of, which was empty before.
    pub begun: bool,
    /// What the pool's transaction id should be.
    pub transaction: u64,
    /// What was about to be done.
    pub pending: Option<Change>,
    /// By name: [`BASE`], and snapshots.
    pub devices: BTreeMap<String, Thin>,
}

/// What a pool is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backing {
    /// Two files beside the records.
    Files,
    /// Two devices.
    Devices(Devices),
    /// Somebody else has made it.
    Pool {
        /// As the device-mapper has it.
        name: String,
        /// The same; empty if it has none.
        uuid: String,
    },
}

/// A device of the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thin {
    /// The pool's number for it.
    pub id: u32,
    /// In bytes.
    pub size: u64,
    /// What is on it; `None` until it has been made.
    pub filesystem: Option<Filesystem>,
    /// Once it is not to be changed any more: bytes that it had to itself by then.
    pub sealed: Option<u64>,
}

impl Backing {
    /// Its two parts, if it is our own to make.
    pub fn parts(&self, dir: &Path) -> Option<Parts> {
        match self {
            Self::Files => Some(Parts::files(dir)),
            Self::Devices(devices) => Some(Parts::devices(devices)),
            Self::Pool { .. } => None,
        }
    }
}

impl Records {
    /// Those of a new pool.
    pub fn new(backing: Backing, block_size: u64) -> Result<Self> {
        let mut bytes = [0; 6];
        let mut random = File::open("/dev/urandom").context("opening /dev/urandom")?;
        random.read_exact(&mut bytes).context("reading /dev/urandom")?;
        Ok(Self {
            store: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            backing,
            block_size,
            begun: false,
            transaction: 0,
            pending: None,
            devices: BTreeMap::new(),
        })
    }

    /// Those in this directory, if there are any.
    pub fn load(dir: &Path) -> Result<Option<Self>> {
        let file = file(dir);
        match fs::metadata(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            _ => load(&file).map(Some),
        }
    }

    /// Writes them down, to be there also after a power failure: if the pool's transaction id were
    /// kept and these not, nobody could tell what had happened. See fsync(2) on directories.
    pub fn save(&self, dir: &Path) -> Result<()> {
        let (file, new) = (file(dir), dir.join("records.new"));
        let mut text = serde_json::to_vec_pretty(self).context("writing records as JSON")?;
        text.push(b'\n');
        let write = || -> Result<()> {
            let mut options = OpenOptions::new();
            let mut out = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            out.write_all(&text)?;
            out.sync_all()?;
            fs::rename(&new, &file)?;
            Ok(File::open(dir)?.sync_all()?)
        };
        write().with_context(|| format!("writing {}", file.display()))
    }

    /// A number for a new device: no number comes back soon, so that nothing old is taken for new.
    pub fn free_id(&self) -> Result<u32> {
        let highest = self.devices.values().map(|thin| thin.id + 1).max().unwrap_or(1);
        let taken = |id: &u32| self.devices.values().any(|thin| thin.id == *id);
        let free = (highest..IDS).chain(1..IDS).find(|id| !taken(id));
        free.context("the pool has as many devices as it can number")
    }

    /// Whether the pool may be empty.
    pub fn is_new(&self) -> bool {
        self.transaction == 0 && self.pending.is_none() && self.devices.is_empty()
    }

    /// The device of this name.
    pub fn device(&self, name: &str) -> Result<&Thin> {
        self.devices.get(name).with_context(|| format!("there is no snapshot {name}"))
    }
}

fn file(dir: &Path) -> PathBuf {
    dir.join("records.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thin(id: u32) -> Thin {
        Thin { id, size: 1 << 20, filesystem: Some(Filesystem::Xfs), sealed: Some(0) }
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let dir = std::env::temp_dir().join(format!("records-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("there is room");
        assert_eq!(Records::load(&dir).expect("none"), None);
        let mut records = Records::new(Backing::Files, 64 << 10).expect("there is chance");
        assert!(records.is_new());
        records.devices.insert(BASE.into(), thin(3));
        records.save(&dir).expect("there is room");
        assert_eq!(Records::load(&dir).expect("some"), Some(records));
        fs::write(file(&dir), "{").expect("there is room");
        Records::load(&dir).expect_err("they are damaged");
        fs::remove_dir_all(&dir).expect("it is ours");
    }

    #[test]
    fn numbers_come_back_only_when_all_have_been_used() {
        let mut records = Records::new(Backing::Files, 64 << 10).expect("there is chance");
        assert_eq!(records.free_id().expect("all"), 1);
        records.devices.insert("a".into(), thin(1));
        records.devices.insert("b".into(), thin(IDS - 2));
        assert_eq!(records.free_id().expect("the last"), IDS - 1);
        records.devices.insert("c".into(), thin(IDS - 1));
        assert_eq!(records.free_id().expect("the first"), 2);
    }
}
