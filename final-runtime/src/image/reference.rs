//! References: what people call images. See the grammar in distribution/reference.
//!
//! `debian` is short for `docker.io/library/debian:latest`. What is before the first `/` is a
//! registry's address if it has a dot or a port, or is `localhost`; otherwise it is a part of the
//! name, on Docker's registry.

use std::{fmt, str::FromStr};

use anyhow::{Error, Result, anyhow, bail};

use super::digest::Digest;

const DOCKER: &str = "docker.io";
const OFFICIAL: &str = "library/";
const LATEST: &str = "latest";

/// The longest name of a registry and a repository together, and the longest tag.
const LONGEST_NAME: usize = 255;
const LONGEST_TAG: usize = 128;

/// `HOST[:PORT]/PATH[:TAG][@DIGEST]`, with nothing left to be understood but the tag `latest`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// A registry's name or address, with its port if one was said.
    pub registry: String,
    /// The path of a repository there.
    pub repository: String,
    /// The tag, if one was said, or neither a tag nor a digest.
    pub tag: Option<String>,
    /// Of the manifest or index that is meant.
    pub digest: Option<Digest>,
}

impl Reference {
    /// The same name with another tag and no digest.
    pub fn with_tag(&self, tag: &str) -> Self {
        Self { tag: Some(tag.into()), digest: None, ..self.clone() }
    }

    /// The name alone, in full.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The name alone, as short as people say it.
    pub fn familiar_name(&self) -> String {
        if self.registry != DOCKER {
            return self.name();
        }
        // Only a single name is an official one if nobody says so.
        let official = self.repository.strip_prefix(OFFICIAL).filter(|name| !name.contains('/'));
        let short = official.unwrap_or(&self.repository);
        match is_registry(short.split('/').next().unwrap_or_default(), short.contains('/')) {
            true => self.name(),
            false => short.into(),
        }
    }

    /// As short as people say it.
    pub fn familiar(&self) -> String {
        self.familiar_name() + &self.suffix()
    }

    /// Without the digest, if there is a tag besides.
    pub fn without_digest(&self) -> Self {
        let digest = self.digest.clone().filter(|_| self.tag.is_none());
        Self { digest, ..self.clone() }
    }

    fn suffix(&self) -> String {
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = self.digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
        tag + &digest
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: &str| anyhow!("image: bad reference {text:?}: {why}");
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let digest = digest.parse::<Digest>();
                (rest, Some(digest.map_err(|error| bad(&error.to_string()))?))
            }
            None => (text, None),
        };
        let (name, tag) = split_tag(rest);
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(bad("a tag is a letter, digit or _, and up to 127 of these, . and -"));
        }
        let (registry, repository) = split_registry(name);
        if !is_address(registry) {
            return Err(bad("the registry is no host name or address"));
        }
        if !repository.split('/').all(is_path_component) {
            return Err(bad(
                "a name is made of lower-case letters and digits, with single ., _, __ or - between",
            ));
        }
        if name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(bad("this is an id and no name"));
        }
        let official = if registry == DOCKER && !repository.contains('/') { OFFICIAL } else { "" };
        let repository = format!("{official}{repository}");
        if registry.len() + 1 + repository.len() > LONGEST_NAME {
            return Err(bad("it is too long"));
        }
        let latest = (tag.is_none() && digest.is_none()).then_some(LATEST);
        let tag = tag.or(latest).map(String::from);
        Ok(Self { registry: registry.into(), repository, tag, digest })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}{}", self.registry, self.repository, self.suffix())
    }
}

/// A colon in the last part begins a tag; one before belongs to a port.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    let last = text.rfind('/').map_or(0, |slash| slash + 1);
    match text[last..].find(':') {
        Some(colon) => (&text[..last + colon], Some(&text[last + colon + 1..])),
        None => (text, None),
    }
}

fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some(("index.docker.io", path)) => (DOCKER, path),
        Some((first, path)) if is_registry(first, true) => (first, path),
        _ => (DOCKER, name),
    }
}

/// Whether the first part of a name is a registry.
fn is_registry(first: &str, more: bool) -> bool {
    let upper_case = first.bytes().any(|byte| byte.is_ascii_uppercase());
    more && (first.contains(['.', ':']) || first == "localhost" || upper_case)
}

/// `HOST[:PORT]`, where an IPv6 address is in brackets.
fn is_address(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_label),
    };
    is_host && port.is_none_or(is_port)
}

/// A part of a host's name. See RFC 1123, section 2.1.
fn is_label(text: &str) -> bool {
    let inner = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    !text.is_empty() && inner && !text.starts_with('-') && !text.ends_with('-')
}

fn is_path_component(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let Some(last) = text.bytes().last() else { return false };
    let mut separator = String::new();
    for c in text.chars() {
        if c.is_ascii() && plain(c as u8) {
            let between = matches!(&separator[..], "" | "." | "_" | "__")
                || separator.bytes().all(|byte| byte == b'-');
            if !between {
                return false;
            }
            separator.clear();
        } else {
            separator.push(c);
        }
    }
    text.bytes().next().is_some_and(plain) && plain(last)
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let rest = text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-');
    text.bytes().next().is_some_and(word) && rest && text.len() <= LONGEST_TAG
}

/// The digits of an id, or its beginning, with or without `sha256:` before them.
pub fn id_prefix(text: &str) -> Result<&str> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    let digits = hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if hex.is_empty() || hex.len() > 64 || !digits {
        bail!("{text:?} is no id");
    }
    Ok(hex)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[rstest]
    #[case("debian", "docker.io/library/debian:latest", "debian:latest")]
    #[case("debian:12", "docker.io/library/debian:12", "debian:12")]
    #[case("docker.io/debian", "docker.io/library/debian:latest", "debian:latest")]
    #[case("index.docker.io/library/debian", "docker.io/library/debian:latest", "debian:latest")]
    #[case("someone/thing", "docker.io/someone/thing:latest", "someone/thing:latest")]
    #[case("localhost/a", "localhost/a:latest", "localhost/a:latest")]
    #[case("localhost:5000/a/b:c", "localhost:5000/a/b:c", "localhost:5000/a/b:c")]
    #[case("127.0.0.1:5000/a", "127.0.0.1:5000/a:latest", "127.0.0.1:5000/a:latest")]
    #[case("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest")]
    #[case("ghcr.io/a/b", "ghcr.io/a/b:latest", "ghcr.io/a/b:latest")]
    #[case("HOST/a", "HOST/a:latest", "HOST/a:latest")]
    #[case("a.b", "docker.io/library/a.b:latest", "a.b:latest")]
    #[case("a/b/c", "docker.io/a/b/c:latest", "a/b/c:latest")]
    #[case("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest")]
    #[case("docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest")]
    #[case("library/a.b/c", "docker.io/library/a.b/c:latest", "library/a.b/c:latest")]
    #[case("a__b--c_d.e", "docker.io/library/a__b--c_d.e:latest", "a__b--c_d.e:latest")]
    #[case("a:5000", "docker.io/library/a:5000", "a:5000")]
    #[case("a:_X-.", "docker.io/library/a:_X-.", "a:_X-.")]
    fn names_are_understood(#[case] text: &str, #[case] full: &str, #[case] short: &str) {
        let reference: Reference = text.parse().expect(text);
        assert_eq!(reference.to_string(), full);
        assert_eq!(reference.familiar(), short);
        for again in [full, short] {
            assert_eq!(again.parse::<Reference>().expect(again), reference);
        }
    }

    #[test]
    fn a_digest_may_stand_for_a_tag_or_beside_it() {
        let alone: Reference = format!("a@sha256:{HEX}").parse().expect("it is one");
        assert_eq!((alone.tag.as_deref(), alone.digest.is_some()), (None, true));
        let both: Reference = format!("a:b@sha256:{HEX}").parse().expect("it is one");
        assert_eq!(both.without_digest().to_string(), "docker.io/library/a:b");
        assert_eq!(alone.without_digest(), alone);
    }

    #[rstest]
    fn nothing_else_is_a_reference(
        #[values(
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "a:",
            ":a",
            "a:b:c",
            "a:b/c",
            "a@",
            "a@sha256:00",
            "a@sha256:../../x",
            "A",
            "a/B",
            "..",
            "../a",
            "a/../b",
            "a/./b",
            ".a",
            "a.",
            "a..b",
            "a___b",
            "a_.b",
            "-a",
            "a-",
            "a b",
            "a\n",
            "ä",
            "a:ä",
            "a:.b",
            "a:-b",
            "host.:1/a",
            "host.x:/a",
            "host.x:70000/a",
            "host.x:-1/a",
            "-h.x/a",
            "[::1/a",
            "[x]/a",
            "h..x/a",
            "http://a/b",
            "a?b",
            "a%2fb",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )]
        text: &str,
    ) {
        let error = text.parse::<Reference>().expect_err(text);
        assert!(error.to_string().starts_with("image: bad reference "), "{error}");
    }

    #[test]
    fn lengths_are_bounded() {
        assert!("a".repeat(239).parse::<Reference>().is_err());
        assert!(format!("h.x/{}", "a".repeat(251)).parse::<Reference>().is_ok());
        assert!(format!("h.x/{}", "a".repeat(252)).parse::<Reference>().is_err());
        assert!(format!("a:{}", "b".repeat(128)).parse::<Reference>().is_ok());
        assert!(format!("a:{}", "b".repeat(129)).parse::<Reference>().is_err());
    }

    #[rstest]
    #[case("e3b0", Some("e3b0"))]
    #[case("sha256:e3b0", Some("e3b0"))]
    #[case("", None)]
    #[case("sha256:", None)]
    #[case("E3", None)]
    #[case("../..", None)]
    fn ids_are_digits(#[case] text: &str, #[case] digits: Option<&str>) {
        assert_eq!(id_prefix(text).ok(), digits);
    }
}
