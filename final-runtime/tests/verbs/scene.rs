//! What the tests have in common: a store of the sandbox's own, and containers in it.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use anyhow::{Result, ensure};
use conformance::{Run, Running, Sandbox};

pub const FINAL_RUNTIME: &str = env!("CARGO_BIN_EXE_final-runtime");

/// Where this sandbox's containers and images are.
pub fn store(sandbox: &Sandbox) -> PathBuf {
    let store = sandbox.dir().join("store");
    if fs::create_dir(&store).is_ok() {
        // The sandbox's user may be another than the test's.
        let _ = fs::set_permissions(&store, fs::Permissions::from_mode(0o777));
    }
    store
}

/// One verb of the program.
pub fn verb<'a>(sandbox: &'a Sandbox, args: &[&str]) -> Run<'a> {
    sandbox.run(FINAL_RUNTIME).arg("--root").arg(store(sandbox)).args(args)
}

/// `run`, with groups in a parent of this test's own, and the probe as `/probe`.
pub fn run<'a>(sandbox: &'a Sandbox, args: &[&str]) -> Run<'a> {
    let probe = format!("{}:/probe:ro", sandbox.probe_path().display());
    let parent = sandbox.cgroup_parent();
    let ours = ["run", "--network", "none", "--cgroup-parent", &parent, "--volume", &probe];
    verb(sandbox, &ours).args(args)
}

/// A container that goes on in the background as long as what is returned is kept.
pub fn start(sandbox: &Sandbox, args: &[&str]) -> Result<(String, Running)> {
    let (outcome, running) = run(sandbox, &["--detach"]).args(args).detaching().spawn()?.leave()?;
    outcome.success()?;
    let id = outcome.stdout().trim().to_string();
    ensure!(id.len() == 12, "expected an id, not {id:?}");
    Ok((id, running))
}

/// What a verb prints.
pub fn said(sandbox: &Sandbox, args: &[&str]) -> Result<String> {
    let outcome = verb(sandbox, args).output()?;
    outcome.success()?;
    Ok(outcome.stdout())
}

/// Removes a container that may run, and sees to it that none is left.
pub fn remove(sandbox: &Sandbox, name: &str) -> Result<()> {
    said(sandbox, &["rm", "--force", name])?;
    let left = said(sandbox, &["ps", "--all", "--quiet"])?;
    ensure!(left.is_empty(), "containers are left: {left}");
    Ok(())
}
