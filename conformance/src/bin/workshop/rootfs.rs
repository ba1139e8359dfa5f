//! `rootfs`: a root file system to play with, as `--rootfs` of step 3 and later takes it.
//!
//! It is what the final runtime's image `base` holds: this machine's busybox, or its shell and tools
//! with the libraries that they load. So the final runtime makes it, in a store that is removed again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, anyhow, ensure};
use conformance::TempDir;

use crate::{
    Usage,
    cargo::{self, PROFILE},
    tree::Tree,
};

const PACKAGE: &str = "final-runtime";

pub fn run(tree: &Tree, dir: &Path) -> Result<bool> {
    let is_used = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => dir.symlink_metadata().is_ok(),
    };
    if is_used {
        return Err(Usage(format!(
            "{} is there already, and not an empty directory",
            dir.display()
        ))
        .into());
    }
    let program = program(tree)?;
    let store = TempDir::new("store")?;
    let container = ["run", "--name", "rootfs", "--network", "none", "base", "true"];
    runtime(&program, &store, &container)?;
    fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    let to = dir.canonicalize().with_context(|| format!("looking at {}", dir.display()))?;
    runtime(&program, &store, &["cp", "rootfs:/.", &to.to_string_lossy()])?;
    runtime(&program, &store, &["rm", "rootfs"])?;
    println!("{} is a root file system. Try", dir.display());
    println!("  cargo run -q -p step03 -- --rootfs {} sh", dir.display());
    Ok(true)
}

/// Builds the final runtime, and says where it is.
fn program(tree: &Tree) -> Result<PathBuf> {
    println!("building {PACKAGE}, which knows how; the first time that takes a minute or two");
    let built = cargo::build(cargo::cargo(&tree.root), &cargo::programs(PACKAGE, PROFILE), true)?;
    let built = built.map_err(|errors| anyhow!("{PACKAGE} does not build:\n{errors}"))?;
    built.programs.get(PACKAGE).cloned().context("cargo did not say where it is")
}

fn runtime(program: &Path, store: &TempDir, args: &[&str]) -> Result<()> {
    let mut command = Command::new(program);
    command.arg("--root").arg(store.path().join("store")).args(["--storage-driver", "vfs"]);
    let output = command
        .args(args)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("running {}", program.display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
