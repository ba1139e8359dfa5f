//! The configuration that `spec` writes, for people to begin with: as runc's, so that what is
//! written about that is true of this.

use std::path::PathBuf;

use super::{
    Capabilities, Config, DeviceRule, IdMapping, Linux, Mount, Namespace, NamespaceKind, Process,
    Resources, Rlimit, Root, VERSION,
};

/// Whose container it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Root's.
    Root,
    /// An ordinary user's, who is root in it.
    User {
        /// The user's own id.
        uid: u32,
        /// The user's own group.
        gid: u32,
    },
}

/// A container that runs `sh` at a terminal, in a read-only root.
pub fn template(owner: Owner) -> Config {
    let kinds = match owner {
        Owner::Root => vec![
            NamespaceKind::Pid,
            NamespaceKind::Network,
            NamespaceKind::Ipc,
            NamespaceKind::Uts,
            NamespaceKind::Mount,
            NamespaceKind::Cgroup,
        ],
        Owner::User { .. } => vec![
            NamespaceKind::Pid,
            NamespaceKind::Ipc,
            NamespaceKind::Uts,
            NamespaceKind::Mount,
            NamespaceKind::Cgroup,
            NamespaceKind::User,
        ],
    };
    let mut linux = Linux {
        namespaces: kinds.into_iter().map(|kind| Namespace { kind, path: None }).collect(),
        masked_paths: paths(&[
            "/proc/acpi",
            "/proc/asound",
            "/proc/kcore",
            "/proc/keys",
            "/proc/latency_stats",
            "/proc/timer_list",
            "/proc/timer_stats",
            "/proc/sched_debug",
            "/sys/firmware",
            "/proc/scsi",
        ]),
        readonly_paths: paths(&[
            "/proc/bus",
            "/proc/fs",
            "/proc/irq",
            "/proc/sys",
            "/proc/sysrq-trigger",
        ]),
        ..Linux::default()
    };
    match owner {
        Owner::Root => {
            let nothing = DeviceRule {
                allow: false,
                kind: None,
                major: None,
                minor: None,
                access: Some("rwm".into()),
            };
            linux.resources = Some(Resources { devices: vec![nothing], ..Resources::default() });
        }
        Owner::User { uid, gid } => {
            let root = |host_id| vec![IdMapping { container_id: 0, host_id, size: 1 }];
            (linux.uid_mappings, linux.gid_mappings) = (root(uid), root(gid));
        }
    }
    Config {
        oci_version: VERSION.into(),
        process: Some(shell()),
        root: Some(Root { path: "rootfs".into(), readonly: true }),
        hostname: Some("runc".into()),
        domainname: None,
        mounts: mounts(owner),
        hooks: Default::default(),
        annotations: Default::default(),
        linux: Some(linux),
    }
}

fn shell() -> Process {
    let caps = || ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"].map(String::from).into();
    Process {
        terminal: true,
        args: vec!["sh".into()],
        env: vec![format!("PATH={}", step07::DEFAULT_PATH), "TERM=xterm".into()],
        cwd: "/".into(),
        capabilities: Some(Capabilities {
            bounding: caps(),
            effective: caps(),
            permitted: caps(),
            inheritable: Vec::new(),
            ambient: Vec::new(),
        }),
        rlimits: vec![Rlimit { kind: "RLIMIT_NOFILE".into(), hard: 1024, soft: 1024 }],
        no_new_privileges: true,
        ..Process::default()
    }
}

fn mounts(owner: Owner) -> Vec<Mount> {
    let mount = |destination: &str, kind: &str, source: &str, options: &[&str]| Mount {
        destination: destination.into(),
        kind: Some(kind.into()),
        source: Some(source.into()),
        options: options.iter().map(|option| option.to_string()).collect(),
        ..Mount::default()
    };
    let mut pts = vec!["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
    let sys = match owner {
        Owner::Root => {
            pts.push("gid=5");
            mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"])
        }
        // In the host's network nobody else may mount a sysfs.
        Owner::User { .. } => {
            mount("/sys", "none", "/sys", &["rbind", "nosuid", "noexec", "nodev", "ro"])
        }
    };
    vec![
        mount("/proc", "proc", "proc", &[]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", "devpts", &pts),
        mount(
            "/dev/shm",
            "tmpfs",
            "shm",
            &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        ),
        mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        sys,
        mount(
            "/sys/fs/cgroup",
            "cgroup",
            "cgroup",
            &["nosuid", "noexec", "nodev", "relatime", "ro"],
        ),
    ]
}

fn paths(all: &[&str]) -> Vec<PathBuf> {
    all.iter().map(PathBuf::from).collect()
}
