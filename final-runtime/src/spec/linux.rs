//! `linux`: what only Linux has. See config-linux.md of the OCI runtime specification.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::Resources;

/// All of it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Linux {
    /// Those that are made, or joined; the others are the caller's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Namespace>,
    /// User ids of a new user namespace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uid_mappings: Vec<IdMapping>,
    /// Its group ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gid_mappings: Vec<IdMapping>,
    /// By how much the clocks `monotonic` and `boottime` of a new time namespace are ahead.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub time_offsets: BTreeMap<String, TimeOffset>,
    /// Devices beyond those that every container has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// Interfaces of the host that move into the container, by their names on the host.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub net_devices: BTreeMap<String, NetDevice>,
    /// Which control group is its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroups_path: Option<String>,
    /// What that holds it to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Schemata of resctrl.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intel_rdt: Option<IntelRdt>,
    /// On which nodes memory is had. See set_mempolicy(2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_policy: Option<MemoryPolicy>,
    /// Files of `/proc/sys`, with dots for slashes, and what is written to them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctl: BTreeMap<String, String>,
    /// Which system calls may be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<super::seccomp::Seccomp>,
    /// What passes between the root's mounts and the host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rootfs_propagation: Option<Propagation>,
    /// Not to be seen from within.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub masked_paths: Vec<PathBuf>,
    /// Not to be written to from within.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub readonly_paths: Vec<PathBuf>,
    /// SELinux's label of its mounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_label: Option<String>,
    /// See personality(2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personality: Option<Personality>,
}

impl Linux {
    /// The namespace of this kind, if it is not the caller's.
    pub fn namespace(&self, kind: NamespaceKind) -> Option<&Namespace> {
        self.namespaces.iter().find(|one| one.kind == kind)
    }

    /// Whether a new one of this kind is made.
    pub fn makes(&self, kind: NamespaceKind) -> bool {
        self.namespace(kind).is_some_and(|one| one.path.is_none())
    }
}

/// One namespace.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Namespace {
    /// Which.
    #[serde(rename = "type")]
    pub kind: NamespaceKind,
    /// One that is there already, to be joined; without, a new one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
}

/// The eight kinds. See namespaces(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceKind {
    /// Ids. See user_namespaces(7).
    User,
    /// Process numbers. See pid_namespaces(7).
    Pid,
    /// Interfaces. See network_namespaces(7).
    Network,
    /// Mounts. See mount_namespaces(7).
    Mount,
    /// Message queues and the like. See ipc_namespaces(7).
    Ipc,
    /// Names. See uts_namespaces(7).
    Uts,
    /// The root of control groups. See cgroup_namespaces(7).
    Cgroup,
    /// Clocks. See time_namespaces(7).
    Time,
}

/// `size` ids from `container_id` on, inside, are those from `host_id` on, outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct IdMapping {
    /// The first inside.
    #[serde(rename = "containerID")]
    pub container_id: u32,
    /// The first outside.
    #[serde(rename = "hostID")]
    pub host_id: u32,
    /// How many.
    pub size: u32,
}

/// How much a clock is ahead of the host's.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct TimeOffset {
    /// Seconds.
    pub secs: i64,
    /// Nanoseconds more.
    pub nanosecs: u32,
}

/// A device. See mknod(2).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Where in the container.
    pub path: PathBuf,
    /// `c` or `u`, `b`, or `p`.
    #[serde(rename = "type")]
    pub kind: char,
    /// The driver's number; of no meaning for a pipe.
    #[serde(default)]
    pub major: i64,
    /// The device's number with its driver.
    #[serde(default)]
    pub minor: i64,
    /// Its mode; 0666 if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_mode: Option<u32>,
    /// Its owner, by the container's numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
}

/// An interface that moves into the container.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct NetDevice {
    /// What it is called there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What resctrl holds it to.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IntelRdt {
    /// The group; the container's id if it is not given.
    #[serde(rename = "closID", skip_serializing_if = "Option::is_none")]
    pub clos_id: Option<String>,
    /// Lines of its `schemata`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schemata: Vec<String>,
    /// The line for the L3 cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l3_cache_schema: Option<String>,
    /// The line for memory bandwidth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_bw_schema: Option<String>,
    /// Whether it is watched by a group of its own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub enable_monitoring: bool,
}

/// What set_mempolicy(2) is told.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct MemoryPolicy {
    /// How nodes are chosen.
    pub mode: MemoryPolicyMode,
    /// Which, as in `0-1,3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<String>,
    /// What else is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<MemoryPolicyFlag>,
}

/// The kernel's names.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MemoryPolicyMode {
    MpolDefault,
    MpolBind,
    MpolInterleave,
    MpolWeightedInterleave,
    MpolPreferred,
    MpolPreferredMany,
    MpolLocal,
}

/// The kernel's names.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum MemoryPolicyFlag {
    #[serde(rename = "MPOL_F_NUMA_BALANCING")]
    NumaBalancing,
    #[serde(rename = "MPOL_F_RELATIVE_NODES")]
    RelativeNodes,
    #[serde(rename = "MPOL_F_STATIC_NODES")]
    StaticNodes,
}

/// What passes between mounts. See mount_namespaces(7), "Shared subtrees".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Propagation {
    /// All, both ways.
    #[serde(alias = "rshared")]
    Shared,
    /// What the host mounts.
    #[serde(alias = "rslave")]
    Slave,
    /// Nothing.
    #[serde(alias = "rprivate")]
    Private,
    /// Nothing, and it cannot be bind-mounted.
    #[serde(alias = "runbindable")]
    Unbindable,
}

/// What personality(2) is told.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Personality {
    /// What kind of machine uname(2) shows.
    pub domain: PersonalityDomain,
    /// None are defined.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

/// The kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PersonalityDomain {
    /// What it is.
    Linux,
    /// One of 32 bits.
    Linux32,
}
