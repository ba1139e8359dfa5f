//! The programs of other packages. (Cargo tells a test only of its own package's.)

use std::{
    collections::BTreeMap,
    env,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, bail, ensure};

use crate::cargo;

/// The program of the package `name`, of the same profile as this one, which is beside it in the
/// target directory. If it is not there yet, cargo is asked to build it.
pub fn binary(name: &str) -> Result<PathBuf> {
    static FOUND: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = found.get(name) {
        return Ok(path.clone());
    }
    let path = locate(name)?;
    found.insert(name.to_string(), path.clone());
    Ok(path)
}

fn locate(name: &str) -> Result<PathBuf> {
    let myself = env::current_exe().context("looking for this program")?;
    // target/PROFILE/deps/myself-0123456789abcdef
    let profile = myself.parent().and_then(|deps| deps.parent());
    let profile = profile.context("this program is not in a target directory")?;
    let path = profile.join(name);
    if path.is_file() {
        return Ok(path);
    }
    if env::var_os("CARGO").is_none() {
        bail!("{} is missing: build it by `cargo build -p {name}`", path.display());
    }
    let directory = profile.file_name().unwrap_or_default();
    let name_of_profile = if directory == "debug" { "dev".as_ref() } else { directory };
    let status = cargo()
        .args(["build", "--quiet", "-p", name])
        .arg("--profile")
        .arg(name_of_profile)
        .arg("--target-dir")
        .arg(profile.parent().unwrap_or(profile))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("running cargo")?;
    ensure!(status.success() && path.is_file(), "cargo did not build {}", path.display());
    Ok(path)
}
