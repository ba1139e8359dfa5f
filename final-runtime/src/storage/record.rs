//! What is written down of each snapshot: whose child it is, and how far it is in its life.
//!
//! ```text
//! ROOT/storage/DRIVER/records/KEY.json
//! ```

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Key;
use crate::{
    lifecycle::record::{Keep, load, save},
    store::make_dir,
};

/// One snapshot's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What it was made from.
    pub parent: Option<Key>,
    /// How far it is.
    pub stage: Stage,
}

/// How far a snapshot is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It is being made or removed. If nobody is at it any more, what there is of it is rubbish.
    Unfinished,
    /// It can be written to.
    Open,
    /// It stays as it is.
    Sealed,
}

/// The records of one driver's snapshots.
pub struct Records(PathBuf);

impl Records {
    /// Those in the directory `dir`, which is made if it is missing.
    pub fn open(dir: PathBuf) -> Result<Self> {
        make_dir(&dir)?;
        Ok(Self(dir))
    }

    /// `None`: there is no such snapshot.
    pub fn get(&self, key: &Key) -> Result<Option<Record>> {
        let file = self.file(key);
        if !file.exists() {
            return Ok(None);
        }
        load(&file).map(Some).context("storage")
    }

    /// Writes one down. It is on the disk when this returns.
    pub fn set(&self, key: &Key, record: &Record) -> Result<()> {
        save(&self.file(key), record, Keep::Safe).context("storage")
    }

    /// Forgets one.
    pub fn forget(&self, key: &Key) -> Result<()> {
        match fs::remove_file(self.file(key)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("storage: forgetting snapshot {key}"))
            }
            _ => Ok(()),
        }
    }

    /// All of them.
    pub fn all(&self) -> Result<Vec<(Key, Record)>> {
        let mut all = Vec::new();
        let reading = || format!("storage: reading {}", self.0.display());
        for entry in fs::read_dir(&self.0).with_context(reading)? {
            let name = entry.with_context(reading)?.file_name();
            let Some(key) = Path::new(&name).to_str().and_then(|name| name.strip_suffix(".json"))
            else {
                continue; // a record that was being written when its writer was killed
            };
            let key: Key = key.parse()?;
            let record = self.get(&key)?;
            all.extend(record.map(|record| (key, record)));
        }
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(all)
    }

    fn file(&self, key: &Key) -> PathBuf {
        file(&self.0, key)
    }
}

/// Whether there is a record of `key` in the directory `dir`, finished or not.
pub(super) fn exists(dir: &Path, key: &Key) -> bool {
    file(dir, key).exists()
}

fn file(dir: &Path, key: &Key) -> PathBuf {
    dir.join(format!("{key}.json"))
}
