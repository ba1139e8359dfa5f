//! What the tests share: the program, and where the groups of a test are.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use conformance::{Run, Sandbox};
use step06::{Controller, Explain, Files, Group, GroupPath, Hierarchy, Version};

pub const STEP06: &str = env!("CARGO_BIN_EXE_step06");

pub const BOTH: [Version; 2] = [Version::V1, Version::V2];

/// Groups are made in a parent of this test's own; networks are another step's subject.
pub fn step06(sandbox: &Sandbox) -> Run<'_> {
    let parent = sandbox.cgroup_parent();
    sandbox.run(STEP06).args(["--network", "none", "--cgroup-parent", &parent])
}

/// Where the test's groups are, in every hierarchy that is there and may be used.
pub fn parents(sandbox: &Sandbox) -> Result<Vec<PathBuf>> {
    let all = Hierarchy::all()?;
    let tops: Vec<_> = all.iter().filter_map(Hierarchy::top).collect();
    ensure!(!tops.is_empty(), "there are no cgroups here");
    Ok(tops.iter().map(|top| top.join(sandbox.cgroup_parent())).collect())
}

/// The groups of containers that there are now, in every hierarchy.
pub fn groups(sandbox: &Sandbox) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for parent in parents(sandbox)? {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        found.extend(entries.map(|entry| entry.path()).filter(|path| path.is_dir()));
    }
    Ok(found)
}

/// The container's first process as the host numbers it, from its one group in each hierarchy.
pub fn first_process(sandbox: &Sandbox) -> Result<String> {
    let group = groups(sandbox)?.into_iter().next().context("there is no group")?;
    let processes = fs::read_to_string(group.join("cgroup.procs"))?;
    Ok(processes.lines().next().context("nobody is in the group")?.to_string())
}

/// The files of the containers' groups, where `controller` works.
pub fn files(sandbox: &Sandbox, controller: &dyn Controller) -> Result<Vec<Files>> {
    let all = Hierarchy::all()?;
    let found = all.iter().find(|one| one.lists(controller));
    let found = found.or_else(|| all.iter().find(|one| one.serves(controller)));
    let hierarchy = found.with_context(|| format!("no {}", controller.name()))?;
    let top = hierarchy.top().context("no group may be made")?;
    let parent = fs::read_dir(top.join(sandbox.cgroup_parent()))?.flatten();
    let dirs = parent.map(|entry| entry.path()).filter(|path| path.is_dir());
    Ok(dirs.map(|dir| Files { version: hierarchy.version, dir }).collect())
}

/// A group that this process has made, where `controller` works.
pub fn group_for(sandbox: &Sandbox, id: &str, controller: Box<dyn Controller>) -> Result<Group> {
    let path: GroupPath = sandbox.cgroup_parent().parse()?;
    let all = Hierarchy::all()?;
    let hierarchy = all.into_iter().find(|one| one.lists(controller.as_ref()));
    let hierarchy = hierarchy.with_context(|| format!("no {}", controller.name()))?;
    let top = hierarchy.top().context("no group may be made")?;
    let mut group = Group::default();
    group.add(&Explain::new(false), hierarchy, &top, &path, id)?;
    group.furnish(&Explain::new(false), &[controller])?;
    Ok(group)
}

/// The group of a container that this process is the runtime of, in hierarchies of these versions.
pub fn own_group(sandbox: &Sandbox, id: &str, versions: &[Version]) -> Result<Group> {
    let path: GroupPath = sandbox.cgroup_parent().parse()?;
    let mut group = Group::default();
    for hierarchy in Hierarchy::all()? {
        let Some(top) = hierarchy.top() else { continue };
        // A cpuset of v1 takes more before it can be joined.
        let cpuset = hierarchy.version == Version::V1 && hierarchy.has("cpuset");
        if !versions.contains(&hierarchy.version) || cpuset {
            continue;
        }
        group.add(&Explain::new(false), hierarchy, &top, &path, id)?;
    }
    Ok(group)
}
