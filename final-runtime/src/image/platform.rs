//! Platforms: which kind of machine an image is for. See image-spec, image-index.md, "platform".

use std::{fmt, str::FromStr};

use anyhow::{Error, Result, bail};
use serde::{Deserialize, Serialize};

/// An operating system and a processor, as the Go language names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64` …
    pub architecture: String,
    /// `v7` of `arm` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// This machine's.
    pub fn own() -> Self {
        let (architecture, variant) = match std::env::consts::ARCH {
            "x86_64" => ("amd64", None),
            "x86" => ("386", None),
            "aarch64" => ("arm64", None),
            "arm" => ("arm", Some("v7")),
            "powerpc64" => ("ppc64le", None),
            "loongarch64" => ("loong64", None),
            other => (other, None),
        };
        Self::new(architecture, variant)
    }

    fn new(architecture: &str, variant: Option<&str>) -> Self {
        Self {
            os: "linux".into(),
            architecture: architecture.into(),
            variant: variant.map(Into::into),
        }
    }

    /// How well an image for `offered` serves one who wants this: the more the better, `None` is
    /// not at all. A variant that nobody has asked for does no harm: `arm64` has come to mean v8.
    pub fn suits(&self, offered: &Self) -> Option<u32> {
        let same = offered.os == self.os && offered.architecture == self.architecture;
        let number = |variant: &Option<String>| -> Option<u32> {
            variant.as_deref()?.strip_prefix('v')?.parse().ok()
        };
        match (number(&self.variant), number(&offered.variant)) {
            _ if !same => None,
            (wanted, offered) if wanted == offered => Some(100),
            (None, Some(8)) if self.architecture == "arm64" => Some(99),
            (None, Some(1)) if self.architecture == "amd64" => Some(99),
            (_, None) => Some(1),
            // Older processors' programs run on newer ones.
            (Some(wanted), Some(offered)) if offered < wanted => Some(1 + offered.min(90)),
            _ => None,
        }
    }
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<_> = text.split('/').collect();
        let word = |part: &&str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match parts[..] {
            ["linux", architecture] if parts.iter().all(word) => Ok(Self::new(architecture, None)),
            ["linux", architecture, variant] if parts.iter().all(word) => {
                Ok(Self::new(architecture, Some(variant)))
            }
            _ => bail!("image: --platform {text:?}: expected linux/ARCHITECTURE[/VARIANT]"),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("linux/amd64", &["linux/arm64", "linux/amd64"], Some(1))]
    #[case("linux/amd64", &["linux/arm64", "linux/386"], None)]
    #[case("linux/amd64", &["linux/amd64/v3", "linux/amd64"], Some(1))]
    #[case("linux/amd64", &["linux/amd64/v3"], None)]
    #[case("linux/amd64/v3", &["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], Some(1))]
    #[case("linux/arm64", &["linux/arm64/v8"], Some(0))]
    #[case("linux/arm/v7", &["linux/arm/v5", "linux/arm/v6", "linux/arm/v8"], Some(1))]
    fn the_best_is_chosen(
        #[case] wanted: Platform,
        #[case] offered: &[&str],
        #[case] best: Option<usize>,
    ) {
        let suits = |text: &&str| wanted.suits(&text.parse().expect(text));
        let ranks = offered.iter().map(suits).enumerate().filter(|(_, rank)| rank.is_some());
        assert_eq!(ranks.max_by_key(|(_, rank)| *rank).map(|(index, _)| index), best);
    }

    #[rstest]
    fn nothing_else_is_a_platform(
        #[values("", "linux", "linux/", "amd64", "windows/amd64", "linux/a/b/c", "linux/../x")]
        text: &str,
    ) {
        text.parse::<Platform>().expect_err(text);
    }
}
