//! Names and passwords for registries, as Docker and podman write them down: a JSON file with
//! `{"auths": {"HOST": {"auth": BASE64("NAME:PASSWORD")}}}`.
//!
//! Left out on purpose: `credHelpers`, which would have us run other programs.

use std::{
    collections::BTreeMap,
    env,
    fs::File,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Error, Result, bail, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;

use crate::image::reference::Reference;

/// The largest such file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    name: String,
    password: String,
}

/// Never shows the password.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}:***", self.name)
    }
}

impl Credentials {
    /// The value of the header `Authorization`. See RFC 7617.
    pub fn header(&self) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", self.name, self.password)))
    }

    /// What is written down for a repository: in the file that was asked for, or else in the usual
    /// ones.
    pub fn find(reference: &Reference, asked: Option<&Path>) -> Result<Option<Self>> {
        if let Some(file) = asked {
            return Auths::load(file)?
                .with_context(|| format!("image: there is no {}", file.display()))?
                .find(reference);
        }
        for file in usual_files() {
            if let Some(auths) = Auths::load(&file)?
                && let Some(found) = auths.find(reference)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl FromStr for Credentials {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some((name, password)) if !name.is_empty() => {
                Ok(Self { name: name.into(), password: password.into() })
            }
            _ => bail!("image: --creds: expected NAME:PASSWORD"),
        }
    }
}

fn usual_files() -> Vec<PathBuf> {
    let dir = |name: &str| env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    if let Some(file) = dir("REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    let podman = dir("XDG_RUNTIME_DIR").map(|dir| dir.join("containers/auth.json"));
    let docker = dir("DOCKER_CONFIG").or_else(|| Some(dir("HOME")?.join(".docker")));
    podman.into_iter().chain(docker.map(|dir| dir.join("config.json"))).collect()
}

#[derive(Deserialize)]
struct Auths {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: String,
    username: String,
    password: String,
}

impl Auths {
    /// `None`: there is no such file.
    fn load(file: &Path) -> Result<Option<Self>> {
        let named = || format!("image: reading {}", file.display());
        let opened = match File::open(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.with_context(named)?,
        };
        let mut bytes = Vec::new();
        let count = opened.take(LARGEST + 1).read_to_end(&mut bytes).with_context(named)?;
        ensure!(count as u64 <= LARGEST, "{}: it is larger than {LARGEST} bytes", named());
        serde_json::from_slice(&bytes).with_context(named).map(Some)
    }

    /// What is written down for the longest beginning of the name. Others' names that begin alike
    /// do not count: `host/a` is not for `host/ab`.
    fn find(&self, reference: &Reference) -> Result<Option<Credentials>> {
        let name = reference.name();
        let mut ways: Vec<&str> =
            name.match_indices('/').map(|(at, _)| &name[..at]).chain([&name[..]]).collect();
        ways.reverse();
        for way in ways {
            let entry = self.auths.iter().find(|(key, _)| normal(key) == way);
            if let Some((key, auth)) = entry {
                return auth.credentials().with_context(|| format!("image: credentials for {key}"));
            }
        }
        Ok(None)
    }
}

/// Docker writes `https://index.docker.io/v1/` for what everybody calls `docker.io`.
fn normal(key: &str) -> &str {
    let plain = ["https://", "http://"].iter().find_map(|scheme| key.strip_prefix(scheme));
    let host = |url: &'_ str| url.split('/').next().map_or(0, str::len);
    let name = plain.map_or(key, |url| &url[..host(url)]).trim_end_matches('/');
    match name {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        name => name,
    }
}

impl Auth {
    /// `None`: they are with a program that keeps such things.
    fn credentials(&self) -> Result<Option<Credentials>> {
        if !self.auth.is_empty() {
            let text = BASE64_STANDARD.decode(&self.auth).context("they are no base64")?;
            let text = String::from_utf8(text).context("they are no text")?;
            return text.trim_end_matches('\0').parse().map(Some);
        }
        if self.username.is_empty() {
            return Ok(None);
        }
        let (name, password) = (self.username.clone(), self.password.clone());
        Ok(Some(Credentials { name, password }))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn auths() -> Auths {
        let of = |name: &str| {
            let auth = BASE64_STANDARD.encode(format!("{name}:p:w"));
            Auth { auth, ..Auth::default() }
        };
        let entries =
            ["https://index.docker.io/v1/", "h.x", "h.x/a", "http://old.x/v2/", "[::1]:5"];
        let mut auths: BTreeMap<_, _> =
            entries.iter().map(|name| (name.to_string(), of(name.trim_matches('/')))).collect();
        let (username, password) = ("u".to_string(), "p".to_string());
        auths.insert("two.x".into(), Auth { username, password, ..Auth::default() });
        auths.insert("helped.x".into(), Auth::default());
        Auths { auths }
    }

    #[rstest]
    #[case("debian", Some("https"))]
    #[case("h.x/a/b", Some("h.x/a"))]
    #[case("h.x/ab", Some("h.x"))]
    #[case("h.x/a", Some("h.x/a"))]
    #[case("h.x:5000/a", None)]
    #[case("h.xx/a", None)]
    #[case("old.x/a", Some("http"))]
    #[case("[::1]:5/a", Some("["))]
    #[case("two.x/a", Some("u"))]
    #[case("helped.x/a", None)]
    fn they_are_found_by_the_longest_name(#[case] reference: &str, #[case] name: Option<&str>) {
        let found = auths().find(&reference.parse().expect(reference)).expect("it is right");
        assert_eq!(found.map(|found| found.name).as_deref(), name);
    }

    #[test]
    fn the_header_is_rfc_7617s() {
        let credentials: Credentials = "Aladdin:open sesame".parse().expect("they are some");
        assert_eq!(credentials.header(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{credentials:?}"), "Aladdin:***");
    }

    #[rstest]
    fn nothing_else_are_credentials(#[values("", "name", ":password")] text: &str) {
        text.parse::<Credentials>().expect_err(text);
    }
}
