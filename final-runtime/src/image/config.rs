//! An image's configuration: what its maker wants to be run, and how it came about. See image-spec,
//! config.md.
//!
//! What we do not know is kept as it is, so that a `commit` passes it on.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{digest::Digest, platform::Platform};

/// The whole document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImageConfig {
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// As in `NAME <ADDRESS>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// What it runs on.
    #[serde(flatten)]
    pub platform: Platform,
    /// What is run.
    #[serde(default, deserialize_with = "or_default")]
    pub config: Execution,
    /// What the layers are.
    pub rootfs: Rootfs,
    /// How it came about, the oldest first.
    #[serde(default, deserialize_with = "or_default")]
    pub history: Vec<History>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What a container of the image executes, unless the person says otherwise.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Execution {
    /// `USER[:GROUP]`, by name or number; empty for root.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// As in `80/tcp`.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Value>,
    /// `NAME=VALUE`.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// What is put before the arguments.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// The arguments, if the person gives none.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Places for data that outlive no container, but are not part of its changes.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Value>,
    /// Absolute.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Said by the image's maker. They are shown, and have no effect.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// As in `SIGTERM`; empty for that.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The layers, by what they are when they are not compressed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rootfs {
    #[serde(rename = "type")]
    kind: String,
    /// The lowest first.
    pub diff_ids: Vec<Digest>,
}

/// One step of an image's making.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The command that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Who did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// What they said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether it made no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// Go writes `null` for what is empty.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl ImageConfig {
    /// Of an image of this machine's platform, without a layer.
    pub fn new(created: &str) -> Self {
        Self {
            created: Some(created.into()),
            author: None,
            platform: Platform::own(),
            config: Execution::default(),
            rootfs: Rootfs { kind: "layers".into(), diff_ids: Vec::new() },
            history: Vec::new(),
            other: Map::new(),
        }
    }

    /// Puts a layer on top.
    pub fn add(&mut self, diff_id: Digest, history: History) {
        self.rootfs.diff_ids.push(diff_id);
        self.history.push(history);
    }

    /// Reads one that belongs to a manifest with so many layers.
    pub fn parse(bytes: &[u8], layers: usize) -> Result<Self> {
        let config: Self = serde_json::from_slice(bytes).context("it is no configuration")?;
        let ids = config.rootfs.diff_ids.len();
        ensure!(
            config.rootfs.kind == "layers" && ids == layers,
            "the configuration tells of {ids} layers, the manifest of {layers}"
        );
        let other = config.rootfs.diff_ids.iter().find(|id| id.algorithm() != "sha256");
        if let Some(other) = other {
            bail!("its layer {other} has no SHA-256, of which file systems are called");
        }
        let os = &config.platform.os;
        ensure!(os == "linux", "it is for {os:?}, not for linux");
        Ok(config)
    }

    /// The names of the file systems that the layers make one after another: of each layer, with
    /// all below it.
    pub fn chain(&self) -> Vec<Digest> {
        let mut chain: Vec<Digest> = Vec::new();
        for diff in &self.rootfs.diff_ids {
            let id = match chain.last() {
                None => diff.clone(),
                Some(below) => Digest::of(format!("{below} {diff}").as_bytes()),
            };
            chain.push(id);
        }
        chain
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const DIFF: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn parse(text: &str) -> Result<ImageConfig> {
        ImageConfig::parse(text.replace("DIFF", DIFF).as_bytes(), 1)
    }

    #[test]
    fn what_go_writes_is_read() {
        let config = parse(
            r#"{"architecture":"amd64","os":"linux","variant":"v1","created":null,"history":null,
                "config":{"User":"","Env":null,"Cmd":["sh"],"Entrypoint":null,"Volumes":null,
                          "ExposedPorts":{"80/tcp":{}},"OnBuild":null,"Labels":null,"Tty":false},
                "rootfs":{"type":"layers","diff_ids":["DIFF"]},"docker_version":"1"}"#,
        )
        .expect("it is one");
        assert_eq!(config.config.cmd, ["sh"]);
        assert_eq!(config.other["docker_version"], "1");
        let again = serde_json::to_value(&config).expect("it can be written");
        assert_eq!(again["config"]["Tty"], false);
        assert_eq!((&again["docker_version"], &again["variant"]), (&"1".into(), &"v1".into()));
    }

    #[test]
    fn nothing_has_to_be_said_of_what_is_run() {
        let config = parse(
            r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["DIFF"]}}"#,
        );
        assert!(config.expect("it is one").config.cmd.is_empty());
    }

    #[rstest]
    #[case(r#"{}"#)]
    #[case(r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#)]
    #[case(
        r#"{"architecture":"amd64","os":"windows","rootfs":{"type":"layers","diff_ids":["DIFF"]}}"#
    )]
    #[case(r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["x"]}}"#)]
    #[case(
        r#"{"architecture":"amd64","os":"linux","config":{"Cmd":"sh"},
            "rootfs":{"type":"layers","diff_ids":["DIFF"]}}"#
    )]
    fn nothing_else_is_one(#[case] text: &str) {
        parse(text).expect_err(text);
    }

    /// image-spec, config.md, "Layer ChainID": the first is the layer's own, the next are computed.
    #[test]
    fn chain_ids_are_the_specifications() {
        let mut config = ImageConfig::new("now");
        for text in ["a", "b", "c"] {
            config.add(Digest::of(text.as_bytes()), History::default());
        }
        let diffs = config.rootfs.diff_ids.clone();
        let second = Digest::of(format!("{} {}", diffs[0], diffs[1]).as_bytes());
        let third = Digest::of(format!("{second} {}", diffs[2]).as_bytes());
        assert_eq!(config.chain(), [diffs[0].clone(), second, third]);
    }
}
