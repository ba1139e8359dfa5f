//! `linux.namespaces`: which are made, which are joined, and what that means to the layers. See
//! "Namespaces" in config-linux.md of the OCI runtime specification.

use anyhow::{Result, ensure};
use nix::sched::CloneFlags;
use step07::Stack;

use crate::{
    layers::{
        namespaces::{Joined, NEWTIME, is_ours},
        time::Time,
    },
    spec::{Config, Linux, NamespaceKind},
};

/// The flag of clone(2).
fn flag(kind: NamespaceKind) -> CloneFlags {
    match kind {
        NamespaceKind::User => CloneFlags::CLONE_NEWUSER,
        NamespaceKind::Pid => CloneFlags::CLONE_NEWPID,
        NamespaceKind::Network => CloneFlags::CLONE_NEWNET,
        NamespaceKind::Mount => CloneFlags::CLONE_NEWNS,
        NamespaceKind::Ipc => CloneFlags::CLONE_NEWIPC,
        NamespaceKind::Uts => CloneFlags::CLONE_NEWUTS,
        NamespaceKind::Cgroup => CloneFlags::CLONE_NEWCGROUP,
        NamespaceKind::Time => NEWTIME,
    }
}

/// The layers that join what is there, below all others that act in it.
pub fn join(stack: &mut Stack, linux: &Linux) {
    let path = |one: &crate::spec::Namespace| Some((flag(one.kind), one.path.clone()?));
    let joined: Vec<_> = linux.namespaces.iter().filter_map(path).collect();
    if !joined.is_empty() {
        stack.top(Joined::new(joined));
    }
    if linux.makes(NamespaceKind::Time) {
        stack.top(Time { offsets: linux.time_offsets.clone() });
    }
}

/// Whether the container's namespace of this kind is another than the runtime's.
pub fn has_own(linux: &Linux, kind: NamespaceKind) -> bool {
    linux.namespace(kind).is_some_and(|one| match &one.path {
        Some(path) => !is_ours(path, flag(kind)),
        None => true,
    })
}

/// Without a mount namespace of its own the container must not mount anything: it would be the host
/// that it mounts it on.
pub fn check_mounts(config: &Config, linux: &Linux) -> Result<()> {
    let mounts = [
        ("mounts", config.mounts.is_empty()),
        ("linux.maskedPaths", linux.masked_paths.is_empty()),
        ("linux.readonlyPaths", linux.readonly_paths.is_empty()),
        ("root.readonly", config.root.as_ref().is_none_or(|root| !root.readonly)),
        ("linux.rootfsPropagation", linux.rootfs_propagation.is_none()),
    ];
    for (name, empty) in mounts {
        ensure!(empty, "spec: {name}: takes a mount namespace, and the container has the host's");
    }
    Ok(())
}
