//! The bundle that all runtimes get: what `spec` writes, with a command that needs no terminal.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use conformance::Rootfs;
use serde_json::{Value, json};

/// Two bundles of one root file system.
pub struct Bundle {
    rootfs: Rootfs,
}

impl Bundle {
    /// Makes them.
    pub fn new() -> Result<Self> {
        let rootfs = Rootfs::new()?;
        let bundle = Self { rootfs };
        bundle.write("ends", &["/bin/probe", "exit", "0"])?;
        bundle.write("sleeps", &["/bin/probe", "sleep", "1000"])?;
        Ok(bundle)
    }

    /// The directory around all.
    pub fn dir(&self) -> &Path {
        self.rootfs.outside()
    }

    /// Their root file system.
    pub fn rootfs(&self) -> &Path {
        self.rootfs.path()
    }

    /// Whose command ends at once.
    pub fn ends(&self) -> PathBuf {
        self.dir().join("ends")
    }

    /// Whose command runs until it is killed.
    pub fn sleeps(&self) -> PathBuf {
        self.dir().join("sleeps")
    }

    fn write(&self, name: &str, args: &[&str]) -> Result<()> {
        let dir = self.dir().join(name);
        fs::create_dir(&dir).context("making a bundle")?;
        symlink(self.rootfs.path(), dir.join("rootfs")).context("making a bundle")?;
        let mut config: Value =
            serde_json::to_value(final_runtime::spec::template(final_runtime::spec::Owner::Root))?;
        config["ociVersion"] = json!("1.0.2");
        config["root"]["path"] = json!(self.rootfs.path());
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(args);
        fs::write(dir.join("config.json"), config.to_string()).context("writing config.json")
    }
}
