//! The whole of `config.json`. See config.md of the OCI runtime specification.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{IdMapping, Linux, Process};

/// What a container is to be.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// Of the specification that it follows, as in `1.2.0`.
    pub oci_version: String,
    /// What it runs; needed by the time it is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// Its root file system; Linux cannot do without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
    /// Its name in the network. Takes a UTS namespace of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Its NIS domain. Takes the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domainname: Option<String>,
    /// What is mounted over the root, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Programs of the host to be called at moments of its life.
    #[serde(default, skip_serializing_if = "Hooks::is_empty")]
    pub hooks: Hooks,
    /// Words of the caller's, given back in the state.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What only Linux has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linux: Option<Linux>,
}

/// The root file system.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Root {
    /// Where it is, below the bundle if it is relative.
    pub path: PathBuf,
    /// Whether nothing in it can be changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub readonly: bool,
}

/// One mount.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    /// Where in the container.
    pub destination: PathBuf,
    /// The file system; of no meaning for a bind mount.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What; for a bind mount a path, below the bundle if it is relative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How, as in fstab(5).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Ids by which the owners of its files are shown; for an id-mapped mount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uid_mappings: Vec<IdMapping>,
    /// The same for groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gid_mappings: Vec<IdMapping>,
}

/// The programs for each moment, in the order in which they are called.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hooks {
    /// As `create_runtime`, before it; the older word.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prestart: Vec<Hook>,
    /// Outside, when the namespaces are there and before the root is changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub create_runtime: Vec<Hook>,
    /// Inside, at the same time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub create_container: Vec<Hook>,
    /// Inside, at the start, before the command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub start_container: Vec<Hook>,
    /// Outside, after the start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub poststart: Vec<Hook>,
    /// Outside, when it is deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub poststop: Vec<Hook>,
}

impl Hooks {
    /// All of them, with the names of their moments.
    pub fn moments(&self) -> [(&'static str, &[Hook]); 6] {
        [
            ("prestart", &self.prestart),
            ("createRuntime", &self.create_runtime),
            ("createContainer", &self.create_container),
            ("startContainer", &self.start_container),
            ("poststart", &self.poststart),
            ("poststop", &self.poststop),
        ]
    }

    fn is_empty(&self) -> bool {
        self.moments().iter().all(|(_, hooks)| hooks.is_empty())
    }
}

/// A program that is called, with the container's state on its standard input.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Hook {
    /// Absolute, on the host or, for those called inside, in the container.
    pub path: PathBuf,
    /// All of its arguments, its own name first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// All of its environment, `NAME=VALUE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Seconds after which it is killed; more than zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
}
