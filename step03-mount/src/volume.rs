//! What a person wants to have mounted: volumes, and empty directories in memory.

use std::{fmt::Display, path::PathBuf, str::FromStr};

use anyhow::{Error, Result, bail};

use crate::{MountPoint, mount_api::Attributes};

/// A file or directory of the host that the container sees: `--volume SRC:DST[:ro]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// On the host; a relative path begins where the runtime was called.
    pub source: PathBuf,
    /// In the container; absolute.
    pub target: PathBuf,
    /// Also for what is mounted below the source.
    pub read_only: bool,
}

impl FromStr for Volume {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let flag = format!("mount: --volume {text:?}");
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, read_only) = match parts[..] {
            [source, target] | [source, target, "rw"] => (source, target, false),
            [source, target, "ro"] => (source, target, true),
            [_, _, option] => bail!("{flag}: unknown option {option:?}, expected ro or rw"),
            _ => bail!("{flag}: expected SRC:DST[:ro]"),
        };
        if source.is_empty() || target.is_empty() {
            bail!("{flag}: expected SRC:DST[:ro]");
        }
        Ok(Self { source: source.into(), target: absolute(target, &flag)?, read_only })
    }
}

impl From<&Volume> for MountPoint {
    fn from(volume: &Volume) -> Self {
        let mut point = Self::bind(&volume.source, &volume.target);
        if volume.read_only {
            point.attributes = Attributes::READ_ONLY;
        }
        point
    }
}

/// An empty directory in memory: `--tmpfs DST[:OPTIONS]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tmpfs {
    /// In the container; absolute.
    pub target: PathBuf,
    /// As in `size=64m,mode=1777,exec`. See tmpfs(5).
    pub options: String,
}

impl FromStr for Tmpfs {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (target, options) = text.split_once(':').unwrap_or((text, ""));
        let target = absolute(target, format_args!("mount: --tmpfs {text:?}"))?;
        Ok(Self { target, options: options.into() })
    }
}

impl From<&Tmpfs> for MountPoint {
    fn from(tmpfs: &Tmpfs) -> Self {
        let mut point = Self::new("tmpfs", &tmpfs.target, "nosuid,nodev,noexec,mode=1777");
        point.options(&tmpfs.options);
        point
    }
}

/// A path inside the container, in a value that begins the error as `flag`.
pub fn absolute(path: &str, flag: impl Display) -> Result<PathBuf> {
    if !path.starts_with('/') {
        bail!("{flag}: {path:?} is not an absolute path");
    }
    Ok(path.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("/a:/b", "/a", "/b", false)]
    #[case("a/b:/c", "a/b", "/c", false)]
    #[case("/a:/b:ro", "/a", "/b", true)]
    #[case("/a:/b:rw", "/a", "/b", false)]
    #[case("/with space:/x", "/with space", "/x", false)]
    fn a_volume_is_read(
        #[case] text: &str,
        #[case] source: &str,
        #[case] target: &str,
        #[case] read_only: bool,
    ) {
        let wanted = Volume { source: source.into(), target: target.into(), read_only };
        assert_eq!(text.parse::<Volume>().expect("it is right"), wanted);
    }

    #[rstest]
    #[case("")]
    #[case("/a")]
    #[case(":/b")]
    #[case("/a:")]
    #[case("::")]
    #[case("/a:b")]
    #[case("/a:/b:")]
    #[case("/a:/b:ro,rw")]
    #[case("/a:/b:RO")]
    #[case("/a:/b:ro:x")]
    fn a_malformed_volume_is_refused_in_the_words_of_the_layer(#[case] text: &str) {
        let error = text.parse::<Volume>().expect_err("it is malformed").to_string();
        assert!(error.starts_with(&format!("mount: --volume {text:?}: ")), "{error}");
    }

    #[rstest]
    #[case("/run", "nosuid,nodev,noexec", &["mode=1777"])]
    #[case("/run:size=1m,mode=700", "nosuid,nodev,noexec", &["mode=1777", "size=1m", "mode=700"])]
    #[case("/run:exec,ro", "ro,nosuid,nodev", &["mode=1777"])]
    fn a_tmpfs_has_careful_defaults(
        #[case] text: &str,
        #[case] flags: &str,
        #[case] data: &[&str],
    ) {
        let tmpfs: Tmpfs = text.parse().expect("it is right");
        let point = MountPoint::from(&tmpfs);
        assert_eq!(crate::options::names(&point.attributes).join(","), flags);
        assert_eq!(point.data, data);
    }

    #[rstest]
    #[case("")]
    #[case("run")]
    #[case(":size=1m")]
    fn a_malformed_tmpfs_is_refused(#[case] text: &str) {
        let error = text.parse::<Tmpfs>().expect_err("it is malformed").to_string();
        assert!(error.starts_with(&format!("mount: --tmpfs {text:?}: ")), "{error}");
    }
}
