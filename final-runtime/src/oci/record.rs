//! `record.json`: where a container is, for the commands that follow.

use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use step07::{Group, Place, Scope, Version};

use crate::{
    lifecycle::record::{Keep, load, save},
    spec::{Config, State, Status, VERSION},
};

// ANCHOR: oci-record
/// What is written down of a container: before anything is made where its groups will be, and when it
/// is made all of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// Where its bundle is; absolute.
    pub bundle: PathBuf,
    /// When it was made: RFC 3339, UTC.
    pub created: String,
    /// Who made it, by user id.
    pub owner: u32,
    /// Its first process, as the host numbers it; 0 until there is one.
    pub pid: i32,
    /// When that began (see `lifecycle/record.rs`); 0 if it has ended at once.
    pub birth: u64,
    /// Whether it has a session keyring of its own.
    pub keyring: bool,
    /// Its group in each hierarchy.
    pub groups: Vec<GroupPlace>,
    /// The scope that systemd has made around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}
// ANCHOR_END: oci-record

/// A group in one hierarchy.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct GroupPlace {
    /// Of cgroups: 1 or 2.
    version: u8,
    controllers: Vec<String>,
    dir: PathBuf,
    above: Vec<PathBuf>,
}

impl Record {
    /// What is told of the container, which was made by `config` and is at this point of its life.
    pub fn state(&self, config: &Config, status: Status) -> State {
        State {
            oci_version: VERSION.into(),
            id: self.id.clone(),
            status,
            pid: if status == Status::Stopped { 0 } else { self.pid },
            bundle: self.bundle.clone(),
            annotations: config.annotations.clone(),
        }
    }

    /// Reads the one in `dir`.
    pub fn load(dir: &std::path::Path) -> Result<Self> {
        load(&dir.join("record.json"))
    }

    /// Writes it into `dir`. What it says will not be true any more after a power failure.
    pub fn save(&self, dir: &std::path::Path) -> Result<()> {
        save(&dir.join("record.json"), self, Keep::Quick)
    }

    /// Its group.
    pub fn group(&self) -> Group {
        Group::at(self.groups.iter().cloned().map(Into::into).collect())
    }

    /// The scope around it, if it is one of systemd's.
    pub fn scope(&self) -> Option<Scope> {
        self.scope.as_ref().map(|unit| Scope::around(unit, &self.group()))
    }
}

impl From<Place> for GroupPlace {
    fn from(Place { version, controllers, dir, above }: Place) -> Self {
        let version = match version {
            Version::V1 => 1,
            Version::V2 => 2,
        };
        Self { version, controllers, dir, above }
    }
}

impl From<GroupPlace> for Place {
    fn from(GroupPlace { version, controllers, dir, above }: GroupPlace) -> Self {
        let version = if version == 1 { Version::V1 } else { Version::V2 };
        Self { version, controllers, dir, above }
    }
}
