//! Building a step's program and its tests, in a profile of the workshop's own: `target/workshop` is
//! not locked by an editor that builds too, and has no debugging information to be written.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use serde_json::Value;

/// The profile, as in `Cargo.toml`.
pub const PROFILE: &str = "workshop";

/// What cargo built.
#[derive(Debug, Default)]
pub struct Built {
    /// Programs by name.
    pub programs: BTreeMap<String, PathBuf>,
    /// Test programs by name.
    pub tests: BTreeMap<String, PathBuf>,
}

/// Cargo in a workspace.
pub fn cargo(root: &Path) -> Command {
    let mut command = conformance::cargo();
    command.current_dir(root).stdin(Stdio::null());
    command
}

/// The arguments for the programs of a package alone.
pub fn programs(package: &str, profile: &str) -> Vec<String> {
    ["build", "--profile", profile, "--bins", "--package", package].map(String::from).into()
}

/// The same with the features that tests ask of libraries, which are not all built anew so: an example,
/// which a package need not have, may use what tests use.
pub fn programs_as_for_tests(package: &str, profile: &str) -> Vec<String> {
    let mut args = programs(package, profile);
    args.push("--examples".to_string());
    args
}

/// The arguments for the programs of a package and some of its test programs.
pub fn tests(package: &str, tests: &[&str], profile: &str) -> Vec<String> {
    let mut args: Vec<_> =
        ["test", "--no-run", "--profile", profile, "--package", package].map(String::from).into();
    args.extend(tests.iter().flat_map(|test| ["--test".to_string(), (*test).to_string()]));
    args
}

/// Has this cargo build something. What does not compile is the inner error, as the compiler tells
/// it: warnings are left out, of which blanks make many.
pub fn build(mut cargo: Command, args: &[String], loud: bool) -> Result<Result<Built, String>> {
    let colours = if crate::paint::on() { "-diagnostic-rendered-ansi" } else { "" };
    cargo.args(args).arg(format!("--message-format=json{colours}"));
    cargo.args((!loud).then_some("--quiet"));
    cargo.stderr(if loud { Stdio::inherit() } else { Stdio::piped() });
    let output = cargo.stdout(Stdio::piped()).output().context("running cargo")?;
    let mut built = Built::default();
    let mut errors = String::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        if message["message"]["level"] == "error" {
            errors += &text(&message["message"]["rendered"]);
        }
        let Some(path) = message["executable"].as_str() else { continue };
        let is_test = message["target"]["kind"][0] == "test";
        let which = if is_test { &mut built.tests } else { &mut built.programs };
        which.insert(text(&message["target"]["name"]), path.into());
    }
    if output.status.success() {
        return Ok(Ok(built));
    }
    if errors.is_empty() {
        errors = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    Ok(Err(errors))
}
