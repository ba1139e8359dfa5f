//! Cargo, called by a program that cargo runs.

use std::{env, process::Command};

/// The cargo that runs this program, or else the one in PATH.
///
/// What it has set for this program is not for that one: build scripts look at it, and would build
/// their libraries anew.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let set = name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if set || name == "OUT_DIR" {
            command.env_remove(&*name);
        }
    }
    command
}
