//! Enabling controllers in v2: a group has those that the group above it gives to its children.
//!
//! `cgroup.controllers` lists what a group has, `cgroup.subtree_control` what it gives on. A group
//! other than the root may give on only if no process is in the group itself (the "no internal
//! processes" rule). See cgroups(7).

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use step05::Explain;

use crate::{
    Controller, Hierarchy, Version,
    files::{echo, write},
    why_not::has,
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
    let name = |one: &dyn Controller| one.name_in(Version::V2);
    let missing = |one: &&dyn Controller| {
        one.listed() && !given.split_whitespace().any(|given| given == name(*one))
    };
    for controller in controllers.filter(missing) {
        let enabled = enable_one(explain, dir, name(controller));
        match (enabled, controller.asked()) {
            (Err(error), Some(flag)) => return Err(error).context(flag),
            (Err(error), None) => explain.say(format_args!("# not counted: {error:#}")),
            (Ok(()), _) => {}
        }
    }
    Ok(())
}

/// Has the groups above `dir` give on, down to it, those of `controllers` that it lacks: systemd
/// does so with those that it knows of, and it does not know them all. The groups are not the
/// caller's, so that nothing is done there without need.
///
/// Returns the hierarchy with what is now there, and in v1 as it was, where every group has all.
pub fn reach<'a>(
    explain: &Explain,
    hierarchy: Hierarchy,
    dir: &Path,
    controllers: impl Iterator<Item = &'a dyn Controller>,
) -> Result<Hierarchy> {
    if hierarchy.version == Version::V1 {
        return Ok(hierarchy);
    }
    let in_tree = |one: &&dyn Controller| has(&hierarchy.mount_point, *one);
    let missing: Vec<_> = controllers.filter(in_tree).filter(|one| !has(dir, *one)).collect();
    let above: Vec<_> = dir.ancestors().skip(1).collect();
    let above = above.into_iter().rev().filter(|above| hierarchy.may_use(above));
    for above in above.filter(|above| above.starts_with(&hierarchy.mount_point)) {
        let has = missing.iter().filter(|one| has(above, **one));
        enable(explain, above, has.copied())?;
    }
    Ok(hierarchy.at(dir))
}

/// In a write of its own: of several in one line, one that is refused takes all with it.
fn enable_one(explain: &Explain, dir: &Path, name: &str) -> Result<()> {
    // Of some controllers, the threaded ones, the kernel would do it, and then refuse to let any
    // process into the groups below.
    if has_processes(dir) {
        bail!(
            "enabling {name} below {}: a group of v2 may not have both processes and limited \
             children; move the processes in {} to a child group first",
            dir.display(),
            dir.join("cgroup.procs").display()
        );
    }
    let (file, value) = (dir.join("cgroup.subtree_control"), format!("+{name}"));
    let doing = format!("writing {value} to {}", file.display());
    explain.act(echo(&value, &file), doing, || write(&file, &value))
}

/// Whether the rule above stands in the way. The root of the tree, which alone has no type, is free.
fn has_processes(dir: &Path) -> bool {
    let processes = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    dir.join("cgroup.type").exists() && !processes.is_empty()
}
