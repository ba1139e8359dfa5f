//! The state of a container, as it is told. See "State" in runtime.md of the OCI runtime
//! specification.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

/// How far a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is being made.
    Creating,
    /// It is made, and waits for its start.
    Created,
    /// The command runs.
    Running,
    /// It stands still. (Not the specification's, but every engine knows it.)
    Paused,
    /// The command has ended.
    Stopped,
}

/// What is told of a container.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Of the specification that this follows.
    pub oci_version: String,
    /// Its id.
    pub id: String,
    /// How far it is.
    pub status: Status,
    /// Its first process, as the host numbers it; 0 if there is none.
    #[serde(default)]
    pub pid: i32,
    /// Its bundle.
    pub bundle: PathBuf,
    /// As they were given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}
