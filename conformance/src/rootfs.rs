//! Root file systems made from the probe, so that no test needs a download.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{PROBE, TempDir, temp::set_mode};

/// A root file system: `/bin/probe`, a few files of `/etc`, and the directories that a container
/// expects, empty. It is readable by everyone, and removed when this is dropped.
#[derive(Debug)]
pub struct Rootfs {
    dir: TempDir,
    path: PathBuf,
}

impl Rootfs {
    /// Makes one.
    pub fn new() -> Result<Self> {
        let dir = TempDir::new("rootfs")?;
        let path = dir.path().join("rootfs");
        let rootfs = Self { dir, path };
        for name in ["", "bin", "dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "var"] {
            rootfs.dir(name)?;
        }
        set_mode(&rootfs.at("tmp"), 0o1777)?;
        rootfs.file("bin/probe", PROBE)?;
        set_mode(&rootfs.at("bin/probe"), 0o755)?;
        rootfs.file(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/probe\nuser:x:1000:1000::/home:/bin/probe\n",
        )?;
        rootfs.file("etc/group", "root:x:0:\nuser:x:1000:\nextra:x:2000:user\n")?;
        Ok(rootfs)
    }

    /// The directory that is to be the container's root.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory around it: a place for what must not be reached from inside.
    pub fn outside(&self) -> &Path {
        self.dir.path()
    }

    /// A path inside, seen from the host. Takes `etc/passwd` and `/etc/passwd` alike.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(name.trim_start_matches('/'))
    }

    /// Adds a directory, and the directories above it.
    pub fn dir(&self, name: &str) -> Result<PathBuf> {
        let path = self.at(name);
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        set_mode(&path, 0o755)?;
        Ok(path)
    }

    /// Adds or replaces a file.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.at(name);
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
        set_mode(&path, 0o644)?;
        Ok(path)
    }

    /// Adds a symbolic link, in place of an empty directory or a file of that name. It may lead
    /// anywhere: a hostile root file system has such.
    pub fn symlink(&self, name: &str, target: impl AsRef<Path>) -> Result<PathBuf> {
        let path = self.at(name);
        let _ = fs::remove_dir(&path).or_else(|_| fs::remove_file(&path));
        symlink(target, &path).with_context(|| format!("linking {}", path.display()))?;
        Ok(path)
    }

    /// Removes a file or an empty directory.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.at(name);
        fs::remove_file(&path)
            .or_else(|_| fs::remove_dir(&path))
            .with_context(|| format!("removing {}", path.display()))
    }
}
