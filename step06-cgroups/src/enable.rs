//! Enabling controllers in v2: a group has those that the group above it gives to its children.
//!
//! `cgroup.controllers` lists what a group has, `cgroup.subtree_control` what it gives on. A group
//! other than the root may give on only if no process is in the group itself (the "no internal
//! processes" rule). See cgroups(7).

use std::{fs, path::Path};

use anyhow::{Context, Result};
use nix::errno::Errno;
use step05::Explain;

use crate::{
    Controller,
    files::{echo, write},
};

/// Makes the group at `dir` give on `controllers`. One of which nothing was asked, other than to
/// count, may be refused.
pub fn enable<'a>(
    explain: &Explain,
    dir: &Path,
    controllers: impl Iterator<Item = &'a dyn Controller>,
) -> Result<()> {
    let file = dir.join("cgroup.subtree_control");
    let given = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    for controller in controllers {
        let name = controller.name();
        if !controller.listed() || given.split_whitespace().any(|one| one == name) {
            continue;
        }
        // One write for each: of several in one line, one that is refused takes all with it.
        let value = format!("+{name}");
        let written = explain.act(
            echo(&value, &file),
            format_args!("enabling {name} below {}", dir.display()),
            || write(&file, &value).map_err(|error| refusal(error, dir)),
        );
        match (written, controller.asked()) {
            (Err(error), Some(flag)) => return Err(error).context(flag),
            (Err(_), None) => explain.say(format_args!("# refused: {name} will not be counted")),
            (Ok(()), _) => {}
        }
    }
    Ok(())
}

fn refusal(error: std::io::Error, dir: &Path) -> anyhow::Error {
    let hint = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EBUSY) => format!(
            "a group of v2 may not have both processes and limited children; \
             move the processes in {} to a child group first",
            dir.join("cgroup.procs").display()
        ),
        Some(Errno::ENOENT) => "the group above does not give it".into(),
        Some(Errno::EINVAL) => {
            "real-time processes are in the way, or the group is threaded".into()
        }
        _ => return error.into(),
    };
    anyhow::anyhow!("{error} ({hint})")
}
