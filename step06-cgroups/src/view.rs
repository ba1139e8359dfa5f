//! `/sys/fs/cgroup` in the container: its own groups, to be read.
//!
//! A cgroup file system that is mounted from within a cgroup namespace begins at the namespace's
//! root, so there is nothing of the host to be seen in it. It is the live file system all the same:
//! read-only, or root in the container would set its own limits, and with v1 have the host run a
//! program of its choice (`release_agent`, CVE-2022-0492). See cgroup_namespaces(7).

use step05::MountPoint;

use crate::{Hierarchy, Version};

const SAFE: &str = "nosuid,nodev,noexec";

/// What is to be mounted at `target` for the container to find its groups where programs look for
/// them; `target` itself is to be made read-only afterwards if there is more than one.
pub fn mounts(hierarchies: &[Hierarchy], target: &str) -> Vec<MountPoint> {
    match hierarchies {
        [] => vec![],
        [only] if only.version == Version::V2 => vec![mount(only, target)],
        many => {
            let tmpfs = MountPoint::new("tmpfs", target, &format!("{SAFE},mode=755,size=64k"));
            let mounts = many.iter().flat_map(|one| {
                names(one).into_iter().map(move |name| mount(one, &format!("{target}/{name}")))
            });
            [tmpfs.named("cgroup")].into_iter().chain(mounts).collect()
        }
    }
}

/// One directory for each controller, so that one that shares its hierarchy with another is found
/// under its own name too.
fn names(hierarchy: &Hierarchy) -> Vec<&str> {
    match hierarchy.version {
        Version::V1 => hierarchy.controllers.iter().map(|name| plain(name)).collect(),
        Version::V2 => vec!["unified"],
    }
}

fn plain(controller: &str) -> &str {
    controller.trim_start_matches("name=")
}

fn mount(hierarchy: &Hierarchy, target: &str) -> MountPoint {
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
