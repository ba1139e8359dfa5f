//! The file system in a snapshot. It is made once, on the device that all others descend from; a
//! snapshot of a device has it already, down to its UUID. See mke2fs(8), mkfs.xfs(8), ext4(5),
//! xfs(5).

use std::{
    fmt,
    path::Path,
    process::{Command, Stdio},
    str::FromStr,
};

use anyhow::{Context, Error, Result, bail, ensure};
use nix::unistd::{UnlinkatFlags, unlinkat};
use serde::{Deserialize, Serialize};
use step07::{
    Explain, bytes,
    mount_api::{Attributes, new_filesystem},
    sh,
};

use crate::storage::Access;

/// A kind of file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filesystem {
    /// ext4, which every kernel has.
    Ext4,
    /// xfs. Its snapshots have the UUID of their origin, which xfs has to be told not to mind.
    Xfs,
}

impl Filesystem {
    /// As in `mount -t`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }

    /// As in `mount -o`: with `discard`, what is deleted in a container is free in the pool too. What
    /// is not to be changed is read-only for the file system itself, which else would note that it
    /// was mounted.
    pub fn options(self, access: Access, sealed: bool) -> String {
        let access = match (access, sealed) {
            (Access::Read, true) => "ro",
            _ => "discard",
        };
        match self {
            Self::Ext4 => access.into(),
            Self::Xfs => format!("{access},nouuid"),
        }
    }

    /// Whether its tool makes one of so many bytes.
    pub fn ensure_size(self, size: u64) -> Result<()> {
        let least = match self {
            Self::Ext4 => 16 << 20,
            Self::Xfs => 300 << 20,
        };
        let (has, needs) = (bytes(size), bytes(least));
        ensure!(size >= least, "dm.basesize: {has} is too little for {self}, which needs {needs}");
        Ok(())
    }

    /// Makes an empty one on a new device, of which every byte reads as 0 and takes no room.
    pub fn make(self, device: &Path, explain: &Explain) -> Result<()> {
        let ways = match self {
            Self::Ext4 => &EXT4[..],
            Self::Xfs => &[&["mkfs.xfs", "-q", "-K"][..]],
        };
        let (last, others) = ways.split_last().context("no way to make it")?;
        let make = |words: &&[&str]| make(self, words, device, explain);
        if !others.iter().any(|words| make(words).is_ok()) {
            make(last)?;
        }
        self.empty(device).with_context(|| format!("emptying the new {self}"))
    }

    /// Removes the one directory that ext4 begins with.
    fn empty(self, device: &Path) -> Result<()> {
        if self == Self::Ext4 {
            let source = device.display().to_string();
            let root = new_filesystem(self.name(), &source, &[], Attributes::default())?;
            unlinkat(&root, "lost+found", UnlinkatFlags::RemoveDir)?;
        }
        Ok(())
    }
}

/// Nothing is left for the kernel to write when it is first mounted, as each snapshot would do that
/// again for itself. Nor is anything written that is 0 already, which before e2fsprogs 1.47 it was.
const EXT4: [&[&str]; 2] = [
    &[
        "mkfs.ext4",
        "-q",
        "-m",
        "0",
        "-E",
        "nodiscard,lazy_itable_init=0,lazy_journal_init=0,assume_storage_prezeroed=1",
    ],
    &["mkfs.ext4", "-q", "-m", "0", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"],
];

fn make(kind: Filesystem, words: &[&str], device: &Path, explain: &Explain) -> Result<()> {
    let shell = sh(words.iter().map(AsRef::as_ref).chain([device.as_os_str()]));
    let doing = format!("making an {kind} on {}", device.display());
    explain.act(shell, doing, || run(words, device))
}

fn run(words: &[&str], device: &Path) -> Result<()> {
    let (program, args) = words.split_first().context("no program")?;
    let mut command = Command::new(program);
    let output = command.args(args).arg(device).stdin(Stdio::null()).output();
    let output = output.with_context(|| {
        format!("running {program} (it has to be installed, in e2fsprogs or xfsprogs)")
    })?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors.lines().map(str::trim).rfind(|line| !line.is_empty());
        bail!("{program}: {}", last.unwrap_or(&output.status.to_string()));
    }
    Ok(())
}

impl FromStr for Filesystem {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Ext4, Self::Xfs];
        all.into_iter().find(|one| one.name() == text).context("expected ext4 or xfs")
    }
}

impl fmt::Display for Filesystem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_mounts() {
        let options = Filesystem::options;
        assert_eq!(options(Filesystem::Ext4, Access::Write, false), "discard");
        assert_eq!(options(Filesystem::Xfs, Access::Write, false), "discard,nouuid");
        assert_eq!(options(Filesystem::Ext4, Access::Read, true), "ro");
        assert_eq!(options(Filesystem::Xfs, Access::Read, true), "ro,nouuid");
        // It may be mounted to be written to at the same time, and is one file system then.
        assert_eq!(options(Filesystem::Ext4, Access::Read, false), "discard");
    }

    #[test]
    fn a_tool_that_fails_or_is_missing_is_told_in_one_line() {
        let error =
            |words: &[&str]| format!("{:#}", run(words, Path::new("x")).expect_err("it is bad"));
        assert_eq!(error(&["sh", "-c", "echo first >&2; echo last >&2; exit 1"]), "sh: last");
        assert_eq!(error(&["false"]), "false: exit status: 1");
        assert!(error(&["mkfs.none"]).starts_with("running mkfs.none (it has to be installed"));
        Filesystem::Ext4.ensure_size(16 << 20).expect("it is enough");
        let error = Filesystem::Xfs.ensure_size(299 << 20).expect_err("too little").to_string();
        assert_eq!(error, "dm.basesize: 299 MiB is too little for xfs, which needs 300 MiB");
    }
}
