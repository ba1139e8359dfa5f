//! `--security-opt seccomp=…`: which profile an engine's container has.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::json;
use step07::Capabilities;

use super::{
    Seccomp, container_process_state,
    profile::{Circumstances, Profile},
};

/// What was asked for. It is written down with the container, for `exec` to have the same.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// The default profile.
    #[default]
    Default,
    /// No filter at all.
    Unconfined,
    /// What was in a file.
    Profile(Box<Profile>),
}

impl Choice {
    /// Reads the flag's value, and the file if it names one.
    pub fn of_flag(text: &str) -> Result<Self> {
        match text.split_once('=') {
            Some(("seccomp", "unconfined")) => Ok(Self::Unconfined),
            Some(("seccomp", "builtin")) => Ok(Self::Default),
            Some(("seccomp", file)) if !file.is_empty() => {
                let profile = Profile::read(Path::new(file));
                // clap tells no more of an error than its first line.
                profile.map(Box::new).map(Self::Profile).map_err(|why| anyhow!("seccomp: {why:#}"))
            }
            _ => Err(anyhow!(
                "seccomp: --security-opt {text:?}: expected seccomp=FILE or seccomp=unconfined"
            )),
        }
    }

    /// The layer for a process of container `id` with these capabilities; `None` for no filter.
    pub fn layer(&self, id: &str, capabilities: &Capabilities) -> Result<Option<Seccomp>> {
        let standard = Profile::standard;
        let profile = match self {
            Self::Unconfined => return Ok(None),
            Self::Default => &standard(),
            Self::Profile(profile) => profile,
        };
        let circumstances = Circumstances::here(capabilities.sets.bounding)?;
        let spec = profile.resolve(&circumstances).context("seccomp")?;
        let mut layer = Seccomp::new(spec.clone(), capabilities.no_new_privs);
        let id = id.to_string();
        layer.tell_agent(move |pid| {
            let state = json!({
                "ociVersion": crate::spec::VERSION,
                "id": id,
                "status": "creating",
                "pid": pid.as_raw(),
                "bundle": "",
            });
            Ok(container_process_state(&spec, pid, &state))
        });
        Ok(Some(layer))
    }
}
