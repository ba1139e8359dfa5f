//! From a configuration to the stack of layers that it asks for.
//!
//! ```text
//!   seccomp           with no_new_privs it can be, and is, the last thing before the command
//!   ── gate ──────    `create` stops here, `start` goes on
//!   capabilities      who the command is
//!   terminal          or a session of its own
//!   mount             the root, and what is mounted in it
//!   propagation
//!   net pid ipc uts   the namespaces that are new
//!   cgroup
//!   user              owns the others
//! ```

use anyhow::{Context, Result};
use step07::{
    CapSets, Capabilities, Cgroup, Container, Explain, IdMaps, Ipc, Mount, PidNamespace, Process,
    Propagation, Range, UserNamespace, Userns, Uts,
};

use super::{filter, gate::StartGate, groups, mounts, record::Record};
use crate::{
    layers::{loopback::Loopback, session::Session, terminal::Terminal},
    spec::{Config, Linux, Namespace, NamespaceKind, Status},
};

/// What the command line says of the layers, beyond the configuration.
#[derive(Clone, Debug, Default)]
#[allow(dead_code)] // until their layers come
pub struct Asked {
    /// How many descriptors, after standard input, output and error, the command inherits.
    pub preserve_fds: u32,
    /// That the root is changed by chroot(2), where pivot_root(2) cannot.
    pub no_pivot: bool,
    /// That the command keeps the caller's session keyring.
    pub no_new_keyring: bool,
    /// That its group is had from systemd.
    pub systemd_cgroup: bool,
}

/// The container up to its gate.
pub fn container(
    config: &Config,
    record: &Record,
    asked: &Asked,
    explain: Explain,
) -> Result<Container> {
    let linux = config.linux.clone().unwrap_or_default();
    let process = config.process.as_ref().context("spec: process: it is missing")?;
    let mut container = Container::new(command(process, asked.preserve_fds), explain);
    let stack = &mut container.stack;
    if is_new(&linux, NamespaceKind::User) {
        stack.top(user(&linux));
    }
    let mut cgroup = groups::layer(&linux, &record.id, asked.systemd_cgroup)?;
    cgroup.namespace = is_new(&linux, NamespaceKind::Cgroup);
    let mount = mount(config, &linux, record, &cgroup)?;
    stack.top(cgroup);
    if is_new(&linux, NamespaceKind::Uts) {
        let name = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
        stack.top(Uts { hostname: name(&config.hostname), domainname: name(&config.domainname) });
    }
    if is_new(&linux, NamespaceKind::Ipc) {
        stack.top(Ipc);
    }
    if is_new(&linux, NamespaceKind::Pid) {
        stack.top(PidNamespace);
    }
    if is_new(&linux, NamespaceKind::Network) {
        stack.top(Loopback);
    }
    if is_new(&linux, NamespaceKind::Mount) {
        stack.top(Propagation);
    }
    stack.top(mount);
    if process.terminal {
        stack.top(Terminal::new(true, process.user.uid, true));
    } else {
        stack.top(Session);
    }
    let no_new_privs = process.no_new_privileges;
    if let Some(seccomp) = filter::layer(config, record, no_new_privs, Status::Creating) {
        stack.top(seccomp);
    }
    stack.top(capabilities(process)?);
    Ok(container)
}

/// The gate, and what comes after it.
pub fn hold(container: &mut Container, gate: StartGate, _config: &Config, _record: &Record) {
    container.stack.top(gate);
}

fn is_new(linux: &Linux, kind: NamespaceKind) -> bool {
    let of_kind = |one: &&Namespace| one.kind == kind;
    linux.namespaces.iter().find(of_kind).is_some_and(|one| one.path.is_none())
}

/// A command as step 1 has it.
pub fn command(process: &crate::spec::Process, preserve_fds: u32) -> Process {
    let mut command = Process::new(process.args.iter().map(Into::into).collect());
    command.env.clear();
    for variable in &process.env {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        command.set_env(name, value);
    }
    command.cwd = Some(process.cwd.clone());
    command.preserve_fds = preserve_fds;
    command
}

fn user(linux: &Linux) -> UserNamespace {
    let ranges = |mappings: &[crate::spec::IdMapping]| {
        let range = |one: &crate::spec::IdMapping| Range {
            container: one.container_id,
            host: one.host_id,
            count: one.size,
        };
        mappings.iter().map(range).collect()
    };
    let maps = IdMaps { uid: ranges(&linux.uid_mappings), gid: ranges(&linux.gid_mappings) };
    UserNamespace::new(Userns::Maps(maps))
}

fn mount(config: &Config, linux: &Linux, record: &Record, cgroup: &Cgroup) -> Result<Mount> {
    let root = config.root.as_ref().context("spec: root: it is missing")?;
    let mut mount = Mount {
        rootfs: record.bundle.join(&root.path),
        read_only: root.readonly,
        mounts: Vec::new(),
        read_only_paths: linux.readonly_paths.clone(),
        masked_paths: linux.masked_paths.clone(),
        ..Mount::default()
    };
    for one in &config.mounts {
        match one.kind.as_deref() {
            Some("cgroup" | "cgroup2") => {
                mount.mounts.extend(groups::mounts(one, cgroup)?);
                if groups::is_read_only(one) {
                    mount.read_only_paths.push(one.destination.clone());
                }
            }
            _ => mount.mounts.extend(mounts::mount_point(one, &record.bundle)?),
        }
    }
    Ok(mount)
}

/// Who the command is, and what it may do.
pub fn capabilities(process: &crate::spec::Process) -> Result<Capabilities> {
    let sets = match &process.capabilities {
        None => CapSets::current()?,
        Some(asked) => {
            let set = |names: &[String]| names.iter().flat_map(|name| name.parse()).collect();
            CapSets {
                effective: set(&asked.effective),
                permitted: set(&asked.permitted),
                inheritable: set(&asked.inheritable),
                bounding: set(&asked.bounding),
                ambient: set(&asked.ambient),
            }
        }
    };
    let user = &process.user;
    Ok(Capabilities {
        user: step07::User { uid: user.uid, gid: user.gid, groups: user.additional_gids.clone() },
        sets,
        no_new_privs: process.no_new_privileges,
    })
}
