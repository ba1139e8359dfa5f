//! Other OCI runtimes, held to the tests that use nothing but the OCI command line.
//!
//! A test that all established runtimes fail is suspect; one that some of them fail shows where
//! runtimes differ. The tests learn of the runtime from `CONFORMANCE_RUNTIME`.

use std::{
    env, io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

use crate::{host, programs::Programs, table::Table};

/// What crun looks at when it finds version 1 and 2 of control groups side by side, which it refuses
/// as a whole; without it, it takes version 1.
const CONTROLLERS: &str = "/sys/fs/cgroup/unified/cgroup.controllers";

/// Runs the tests with final-runtime, and with each of these. One without a slash is looked for as a
/// shell does.
pub fn run(runtimes: &[PathBuf], filter: Option<String>, table: &mut Table) -> Result<()> {
    let programs = Programs::build(&["final-runtime".into()], Some("oci"), filter)?;
    let found: Vec<PathBuf> = runtimes.iter().map(|one| find(one)).collect::<Result<_>>()?;
    for runtime in [None].into_iter().chain(found.iter().map(Some)) {
        let name = runtime.map_or("final-runtime".into(), |path| name(path));
        println!("\n{name}");
        let hides = name.starts_with("crun") && Path::new(CONTROLLERS).exists();
        for program in &programs.tests {
            let mut command = Command::new(&program.path);
            command.args(&programs.filter).current_dir(&program.folder);
            if let Some(path) = runtime {
                command.env("CONFORMANCE_RUNTIME", path);
            }
            if hides {
                // SAFETY: system calls on constant paths, and no allocation, between fork and exec.
                unsafe { command.pre_exec(hide_controllers) };
            }
            host::add(&name, &program.name, command, table)?;
        }
        if hides {
            table.note(format!(
                "{name} refuses a mixed hierarchy: {CONTROLLERS} was hidden from it"
            ));
        }
    }
    Ok(())
}

fn find(runtime: &Path) -> Result<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let found = match runtime.components().count() {
        1 => env::split_paths(&paths).map(|dir| dir.join(runtime)).find(|path| path.is_file()),
        _ => runtime.canonicalize().ok(),
    };
    found.with_context(|| format!("there is no runtime {}", runtime.display()))
}

/// As in `runc 1.1.5`: what its first line says of it.
fn name(path: &Path) -> String {
    let output = Command::new(path).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let words: Vec<_> = text.lines().next().unwrap_or_default().split_whitespace().collect();
    match words[..] {
        [name, "version", version, ..] => format!("{name} {version}"),
        _ => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

/// For this process and what it runs.
fn hide_controllers() -> io::Result<()> {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(Some("/dev/null"), CONTROLLERS, none, MsFlags::MS_BIND, none)?;
    Ok(())
}
