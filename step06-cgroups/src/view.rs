//! `/sys/fs/cgroup` in the container: its own groups, to be read.
//!
//! A cgroup file system that is mounted from within a cgroup namespace begins at the namespace's
//! root, so there is nothing of the host to be seen in it. It is the live file system all the same:
//! read-only, or root in the container would set its own limits, and with v1 have the host run a
//! program of its choice (`release_agent`, CVE-2022-0492). See cgroup_namespaces(7).

use step05::{Mount, MountPoint};

use crate::{Hierarchy, Version};

const TARGET: &str = "/sys/fs/cgroup";
const SAFE: &str = "nosuid,nodev,noexec";

/// Lets the container find its groups where programs look for them.
pub fn add(layer: &mut Mount, hierarchies: &[Hierarchy]) {
    match hierarchies {
        [] => {}
        [only] if only.version == Version::V2 => layer.mounts.push(mount(only, TARGET)),
        many => {
            let tmpfs = MountPoint::new("tmpfs", TARGET, &format!("{SAFE},mode=755,size=64k"));
            layer.mounts.push(tmpfs.named("cgroup"));
            for one in many {
                let at = |name| mount(one, &format!("{TARGET}/{name}"));
                layer.mounts.extend(names(one).into_iter().map(at));
            }
            // Not before: the directories of the others had to be made in it.
            layer.read_only_paths.push(TARGET.into());
        }
    }
}

/// One directory for each controller, so that one that shares its hierarchy with another is found
/// under its own name too.
pub fn names(hierarchy: &Hierarchy) -> Vec<&str> {
    match hierarchy.version {
        Version::V1 => {
            hierarchy.controllers.iter().map(|name| name.trim_start_matches("name=")).collect()
        }
        Version::V2 => vec!["unified"],
    }
}

/// What a container sees of one hierarchy: from within a cgroup namespace its own groups.
pub fn mount(hierarchy: &Hierarchy, target: &str) -> MountPoint {
    let safe = format!("ro,{SAFE}");
    match hierarchy.version {
        Version::V2 => MountPoint::new("cgroup2", target, &safe),
        Version::V1 => {
            // A hierarchy without any controller has to be asked for as such.
            let bare = hierarchy.controllers.iter().all(|name| name.starts_with("name="));
            let none = if bare { "none," } else { "" };
            let which = hierarchy.controllers.join(",");
            MountPoint::new("cgroup", target, &format!("{safe},{none}{which}"))
        }
    }
}
