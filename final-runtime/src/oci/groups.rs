//! `linux.cgroupsPath`: which control group is a container's own, and how the container sees it.
//!
//! See "Control groups" in config-linux.md of the OCI runtime specification. A path is below the
//! root of each hierarchy; with systemd it is `SLICE:PREFIX:NAME`, and the group is a scope.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use step07::{
    Cgroup, CgroupManager, Group, GroupPath, Hierarchy, MountPoint, Source, Version,
    mount_api::Attributes,
    scope_of,
    view::{self, names},
};

use super::{limits, mounts::add};
use crate::spec::{Linux, Mount};

/// The layer for a container's group.
pub fn layer(linux: &Linux, id: &str, systemd: bool) -> Result<Cgroup> {
    let path = linux.cgroups_path.as_deref().unwrap_or_default();
    let resources = linux.resources.clone().unwrap_or_default();
    let controllers = limits::controllers(&resources)?;
    let mut cgroup = match systemd {
        true => {
            let Scope { slice, unit, group } = scope(path, id)?;
            let mut cgroup = Cgroup::new(&group, slice, controllers);
            (cgroup.manager, cgroup.unit) = (CgroupManager::Systemd, unit);
            cgroup
        }
        false => {
            let (parent, name) = plain(path, id)?;
            let mut cgroup = Cgroup::new(&name, Some(parent), controllers);
            cgroup.manager = CgroupManager::Cgroupfs;
            cgroup
        }
    };
    cgroup.recovers = false;
    Ok(cgroup)
}

/// The scope that systemd would have made for a container with this configuration.
pub fn made_by_systemd(linux: &Linux, id: &str) -> Option<String> {
    let path = linux.cgroups_path.as_deref().filter(|path| path.contains(':'))?;
    scope(path, id).ok().map(|scope| scope.unit)
}

/// The group that a container with this configuration is in, if one is there; but for systemd's.
pub fn made(linux: &Linux, id: &str) -> Result<Group> {
    let path = linux.cgroups_path.as_deref().unwrap_or_default();
    let cgroup = layer(&Linux { resources: None, ..linux.clone() }, id, path.contains(':'))?;
    Ok(Group::at(cgroup.places_where(Path::is_dir)?))
}

/// The groups above, and the name of its own.
fn plain(path: &str, id: &str) -> Result<(GroupPath, String)> {
    let path = path.trim_matches('/');
    if path.is_empty() {
        // In the root, as other runtimes have it. One around it would be made and removed with every
        // container that is alone: a call in each hierarchy, which are among the kernel's slowest.
        return Ok((GroupPath::none(), id.into()));
    }
    let (above, name) = path.rsplit_once('/').map_or((None, path), |(a, name)| (Some(a), name));
    let whole: Result<GroupPath> = path.parse();
    whole.with_context(|| format!("cgroup: linux.cgroupsPath {path:?}"))?;
    let above = above.map_or(Ok(GroupPath::none()), str::parse)?;
    Ok((above, name.into()))
}

/// What systemd makes.
struct Scope {
    /// Where, if that is said.
    slice: Option<GroupPath>,
    /// What it is called: as other runtimes would have it, since engines look for it by this name.
    unit: String,
    /// The container's own group in it.
    group: String,
}

fn scope(path: &str, id: &str) -> Result<Scope> {
    let parts: Vec<_> = path.split(':').collect();
    let (slice, prefix, name) = match parts[..] {
        [""] => return Ok(Scope { slice: None, unit: scope_of(id), group: id.into() }),
        [slice, prefix, name] if !name.is_empty() && !name.contains('/') => (slice, prefix, name),
        _ => bail!("cgroup: linux.cgroupsPath {path:?}: expected SLICE:PREFIX:NAME for systemd"),
    };
    let slice = Some(slice).filter(|slice| !slice.is_empty()).map(str::parse).transpose()?;
    let group = if prefix.is_empty() { name.into() } else { format!("{prefix}-{name}") };
    Ok(Scope { slice, unit: format!("{group}.scope"), group })
}

/// What a container finds at `/sys/fs/cgroup`, or wherever a mount of type `cgroup` is asked for: its
/// own groups, bound from where they are. (A new mount of a cgroup file system shows the same within a
/// cgroup namespace, and all of the host's without; and it takes milliseconds. It is what there is where
/// systemd makes the groups.)
pub fn mounts(mount: &Mount, cgroup: &Cgroup) -> Result<Vec<MountPoint>> {
    let all = cgroup.hierarchies().context("cgroup")?;
    let parent = cgroup.parent.clone().unwrap_or_default();
    let point = |one: &Hierarchy, target: &Path| {
        let mut point = match (cgroup.manager, one.top()) {
            (CgroupManager::Cgroupfs, Some(top)) => bind(parent.of(&top, &cgroup.id), target),
            // Nobody may make groups: the container stays in the caller's.
            (CgroupManager::Cgroupfs, None) => {
                bind(one.own.clone().unwrap_or_else(|| one.mount_point.clone()), target)
            }
            // Where systemd will have put it nobody knows yet.
            _ => view::mount(one, &target.to_string_lossy()),
        };
        mount.options.iter().for_each(|option| add(&mut point, option));
        point
    };
    let target = mount.destination.as_path();
    match all {
        [] => Ok(Vec::new()),
        [only] if only.version == Version::V2 => Ok(vec![point(only, target)]),
        many => {
            let mut points = vec![
                MountPoint::new("tmpfs", target, "nosuid,nodev,noexec,mode=755").named("cgroup"),
            ];
            for one in many {
                for name in names(one) {
                    points.push(point(one, &target.join(name)));
                }
            }
            Ok(points)
        }
    }
}

/// Of one group and what is below it, but of no other file system that is mounted there.
fn bind(path: PathBuf, target: &Path) -> MountPoint {
    let mut point = MountPoint::bind("", target);
    (point.source, point.attributes.recursive) = (Source::Bind { path, recursive: false }, false);
    point
}

/// Whether what is mounted there is not to be written to.
pub fn is_read_only(mount: &Mount) -> bool {
    let mut point = MountPoint::bind("", &mount.destination);
    point.options(&mount.options.join(","));
    point.attributes.set & Attributes::READ_ONLY.set != 0
}
