//! User-Mode Linux: a kernel that is a process of this one. Its root is this machine's own file
//! system, so that the test programs are where cargo has put them; what is written goes to tmpfs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{
    machine::Kernel,
    modules,
    plan::{Plan, VARIABLE},
    programs::Programs,
};

/// What it is there for: the second dialect of cgroups, and a device-mapper.
pub const UML: Kernel = Kernel {
    name: "UML",
    again: &[("step06 checkpoint", &[])],
    limit: Duration::from_secs(20 * 60),
    machine,
};

/// Debian's name for the kernel.
pub const KERNEL: &str = "/usr/bin/linux.uml";

fn machine(_: &Programs, mut plan: Plan) -> Result<Command> {
    plan.modules = modules::in_order(&modules_dir()?)?;
    let workspace = std::env::current_dir()?;
    let dir = workspace.join("target/conformance");
    plan.workspace = Some(workspace);
    fs::create_dir_all(&dir).context("making target/conformance")?;
    let file = dir.join("uml.json");
    fs::write(&file, serde_json::to_vec(&plan)?).context("writing the plan")?;

    let mut machine = Command::new(KERNEL);
    machine.args(["mem=1G", "rootfstype=hostfs", "rw", "quiet", "con=null", "con0=null,fd:1"]);
    machine.arg(format!("init={}", std::env::current_exe()?.display()));
    machine.arg(format!("{VARIABLE}={}", file.display()));
    Ok(machine)
}

fn modules_dir() -> Result<PathBuf> {
    let all = Path::new("/usr/lib/uml/modules");
    let mut entries = fs::read_dir(all).context("looking for the modules of User-Mode Linux")?;
    let first = entries.next().context("User-Mode Linux has no modules")??;
    Ok(first.path())
}
