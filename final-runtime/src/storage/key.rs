//! The name of a snapshot, which becomes a part of file names, device names and records.

use std::{fmt, str::FromStr};

use anyhow::{Error, Result, bail};
use serde::{Deserialize, Serialize};

/// For an image's snapshot the chain id of its layers, in hexadecimal; for a container's the id of
/// the container. Chain ids: image-spec, config.md, "Layer ChainID".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

impl Key {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Key {
    type Err = Error;

    /// Letters, digits and `-`: whatever it becomes a part of, it cannot be a path or a flag.
    fn from_str(text: &str) -> Result<Self> {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !plain || !(1..=64).contains(&text.len()) || text.starts_with('-') {
            bail!("storage: {text:?} is no name of a snapshot");
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Key {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0f3a")]
    #[case("a-1")]
    fn names(#[case] text: &str) {
        let key: Key = text.parse().expect(text);
        assert_eq!(key.as_str(), text);
    }

    #[rstest]
    fn no_names(#[values("", "-a", "..", "a/b", "a b", "sha256:00", "ä", "a\n")] text: &str) {
        text.parse::<Key>().expect_err(text);
        text.repeat(65).parse::<Key>().expect_err("too long");
    }
}
