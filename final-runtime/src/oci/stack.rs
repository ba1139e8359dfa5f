//! From a configuration to the stack of layers that it asks for.
//!
//! With no_new_privs seccomp does its part last of all (see `Layer::seal`).
//!
//! ```text
//!   hooks             startContainer
//!   ── gate ──────    `create` stops here, `start` goes on
//!   cwd, seccomp, capabilities, cwd    who the command is, and where
//!   label process memory      what it hands down to others
//!   terminal          or a session of its own
//!   root              the root is changed
//!   hooks             createContainer
//!   hooks             prestart, createRuntime: the host's side calls them
//!   devices
//!   mount             the root, and what is mounted in it
//!   files sysctl
//!   propagation
//!   net pid ipc uts   the namespaces that are new
//!   priority rlimits
//!   cgroup
//!   time join         those that are joined
//!   user              owns the others
//! ```

use std::path::Path;

use anyhow::{Context, Result, ensure};
use step07::{
    Cgroup, Container, Explain, IdMaps, Ipc, Mount, PidNamespace, Process, Stack, UserNamespace,
    Userns, Uts,
};

use super::{
    capabilities::capabilities, filter, gate::StartGate, groups, home, hooks, mounts, namespaces,
    properties, record::Record,
};
use crate::{
    layers::{
        cwd::Cwd,
        devices::Devices,
        habits::Habits,
        intel_rdt::Resctrl,
        label::{Label, has_selinux},
        loopback::Loopback,
        memory_policy::MemoryPolicy,
        net_devices::NetDevices,
        pivot::{Pivot, Way},
        prepared::Prepared,
        priority::Urgency,
        propagation::Mounts,
        rlimits::Rlimits,
        seccomp::Seccomp,
        session::Session,
        sysctl::Sysctl,
        terminal::Terminal,
        within::Within,
    },
    spec::{self, Config, Linux, NamespaceKind, Propagation, Status},
};

/// What the command line says of the layers, beyond the configuration.
#[derive(Clone, Debug, Default)]
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
    let mut command = command(process, asked.preserve_fds);
    let rootfs = config.root.as_ref().map(|root| record.bundle.join(&root.path));
    home::set(&mut command, process.user.uid, |path| home::file(rootfs.as_deref(), path));
    let mut container = Container::new(command, explain);
    let stack = &mut container.stack;
    if linux.makes(NamespaceKind::User) {
        stack.top(user(&linux));
    }
    namespaces::join(stack, &linux);
    let mut cgroup = groups::layer(&linux, &record.id, asked.systemd_cgroup)?;
    if asked.systemd_cgroup {
        cgroup.properties = properties::of(&config.annotations)?;
    }
    cgroup.namespace = linux.makes(NamespaceKind::Cgroup);
    let files = Files::new(config, &linux, record, &cgroup)?;
    stack.top(cgroup);
    if let Some(rdt) = &linux.intel_rdt {
        stack.top(Resctrl::new(rdt, &record.id)?);
    }
    limits(stack, process)?;
    names(stack, config, &linux);
    if linux.makes(NamespaceKind::Ipc) {
        stack.top(Ipc);
    }
    if linux.makes(NamespaceKind::Pid) {
        stack.top(PidNamespace);
    }
    if linux.makes(NamespaceKind::Network) {
        stack.top(Loopback);
    }
    if !linux.net_devices.is_empty() {
        ensure!(
            namespaces::has_own(&linux, NamespaceKind::Network),
            "spec: linux.netDevices: the container has no network namespace of its own"
        );
        stack.top(NetDevices::new(&linux.net_devices)?);
    }
    if linux.makes(NamespaceKind::Mount) {
        stack.top(Mounts {
            propagation: linux.rootfs_propagation.unwrap_or(Propagation::Slave),
            rootfs: files.mount.rootfs.clone(),
        });
    }
    if !linux.sysctl.is_empty() {
        let owned = |kind| namespaces::has_own(&linux, kind);
        stack.top(Sysctl::new(&linux.sysctl, owned)?);
    }
    files.put(stack, config, &linux, record, asked)?;
    if process.terminal {
        stack.top(terminal(process, true));
    } else {
        stack.top(Session);
    }
    if let Some(policy) = &linux.memory_policy {
        stack.top(MemoryPolicy::new(policy)?);
    }
    let umask = process.user.umask.or(Some(0o022));
    stack.top(Habits { umask, personality: linux.personality.clone(), keyring: keyring(record) });
    let own_user = linux.namespace(NamespaceKind::User).is_some();
    let seccomp = filter::layer(config, record, process.no_new_privileges, Status::Creating);
    identity(stack, process, own_user, seccomp)?;
    Ok(container)
}

/// Whether the layers that a configuration asks for can be told from it. Nothing is made.
pub fn check_layers(config: &Config, bundle: &Path) -> Result<()> {
    let record = Record {
        id: "none".into(),
        bundle: bundle.to_owned(),
        created: String::new(),
        owner: 0,
        pid: 0,
        birth: 0,
        keyring: true,
        groups: Vec::new(),
        scope: None,
    };
    container(config, &record, &Asked::default(), Explain::new(false)).map(drop)
}

/// The name of a container's session keyring, if it has one of its own.
pub fn keyring(record: &Record) -> Option<String> {
    record.keyring.then(|| format!("_ses.{}", record.id))
}

/// The gate, and what comes after it.
pub fn hold(container: &mut Container, gate: StartGate, config: &Config, record: &Record) {
    container.stack.top(gate);
    if let Some(hooks) = hooks::while_started(config, record) {
        container.stack.top(hooks);
    }
}

/// What a process may use, and how urgent it is.
pub fn limits(stack: &mut Stack, process: &spec::Process) -> Result<()> {
    if !process.rlimits.is_empty() {
        stack.top(Rlimits::new(&process.rlimits)?);
    }
    if let Some(urgency) = Urgency::of(process)? {
        stack.top(urgency);
    }
    Ok(())
}

/// Its terminal; that of the first process is the console too.
pub fn terminal(process: &spec::Process, console: bool) -> Terminal {
    let terminal = Terminal::new(true, process.user.uid, console);
    match process.console_size {
        Some(size) => terminal.sized(size.height, size.width),
        None => terminal,
    }
}

/// Who the command is, what it may do, and where. The topmost layers.
pub fn identity(
    stack: &mut Stack,
    process: &spec::Process,
    own_user: bool,
    seccomp: Option<Seccomp>,
) -> Result<()> {
    if let Some(profile) = process.apparmor_profile.as_ref().filter(|profile| !profile.is_empty()) {
        stack.top(Label::apparmor(profile)?);
    }
    if let Some(label) = process.selinux_label.as_ref().filter(|label| !label.is_empty()) {
        stack.top(Label::selinux(label)?);
    }
    let (as_root, as_user) = Cwd::both(&process.cwd);
    stack.top(as_root);
    if let Some(seccomp) = seccomp {
        stack.top(seccomp);
    }
    stack.top(capabilities(process, own_user)?);
    stack.top(as_user);
    Ok(())
}

fn names(stack: &mut Stack, config: &Config, linux: &Linux) {
    let name = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    let uts = Uts { hostname: name(&config.hostname), domainname: name(&config.domainname) };
    match linux.namespace(NamespaceKind::Uts) {
        Some(one) if one.path.is_some() => stack.top(Within(uts)),
        Some(_) => stack.top(uts),
        None => {}
    }
}

/// What concerns the container's files.
struct Files {
    mount: Mount,
    prepared: Vec<Prepared>,
    /// What is made read-only when the root has been changed.
    read_only: Vec<std::path::PathBuf>,
    /// Whether there are devices of the container's own, and whether they are in its image.
    devices: Option<bool>,
}

impl Files {
    fn new(config: &Config, linux: &Linux, record: &Record, cgroup: &Cgroup) -> Result<Self> {
        let root = config.root.as_ref().context("spec: root: it is missing")?;
        let cwd = config.process.as_ref().map(|process| process.cwd.clone());
        let mount = Mount {
            rootfs: record.bundle.join(&root.path),
            read_only: false,
            mounts: Vec::new(),
            devices: Vec::new(),
            volumes: Vec::new(),
            tmpfs: Vec::new(),
            read_only_paths: linux.readonly_paths.clone(),
            masked_paths: linux.masked_paths.clone(),
            workdir: cwd,
            pivots: false,
        };
        let mut files = Self { mount, prepared: vec![], read_only: vec![], devices: Some(true) };
        if let Some(label) = linux.mount_label.as_ref().filter(|label| !label.is_empty()) {
            ensure!(has_selinux(), "spec: linux.mountLabel: {label:?}: this host has no SELinux");
        }
        for (number, one) in config.mounts.iter().enumerate() {
            let at = || format!("spec: mounts[{number}]");
            match one.kind.as_deref() {
                Some("cgroup" | "cgroup2") => files.cgroup(one, cgroup)?,
                _ => files.add(one, linux, record).with_context(at)?,
            }
        }
        if root.readonly {
            files.read_only.push("/".into());
        }
        Ok(files)
    }

    fn cgroup(&mut self, one: &spec::Mount, cgroup: &Cgroup) -> Result<()> {
        self.mount.mounts.extend(groups::mounts(one, cgroup)?);
        if groups::is_read_only(one) {
            self.mount.read_only_paths.push(one.destination.clone());
        }
        Ok(())
    }

    fn add(&mut self, one: &spec::Mount, linux: &Linux, record: &Record) -> Result<()> {
        let (mut point, prepared) = mounts::mount_point(one, linux, &record.bundle)?;
        if point.target == std::path::Path::new("/dev") {
            // One of the host's has its devices; in a new one they are still to be made.
            self.devices = point.is_new("tmpfs").then_some(false);
            if self.devices.is_some() && mounts::is_read_only(&point) {
                self.read_only.push("/dev".into());
                point.options("rw");
            }
        }
        self.mount.mounts.push(point);
        self.prepared.extend(prepared);
        Ok(())
    }

    fn put(
        self,
        stack: &mut Stack,
        config: &Config,
        linux: &Linux,
        record: &Record,
        asked: &Asked,
    ) -> Result<()> {
        let mut pivot = Pivot {
            way: if asked.no_pivot { Way::Move } else { Way::Pivot },
            rootfs: None,
            read_only: self.read_only,
            propagation: linux.rootfs_propagation,
        };
        match linux.namespace(NamespaceKind::Mount) {
            None => {
                namespaces::check_mounts(config, linux)?;
                (pivot.way, pivot.rootfs) = (Way::Chroot, Some(self.mount.rootfs.clone()));
            }
            Some(one) => {
                if one.path.is_some() {
                    pivot.way = Way::Chroot;
                }
                self.prepared.into_iter().for_each(|layer| stack.top(layer));
                stack.top(self.mount);
                if let Some(bare) = self.devices {
                    let mut devices = Devices::new(&linux.devices)?;
                    devices.bare = bare;
                    stack.top(devices);
                }
            }
        }
        if let Some(hooks) = hooks::outside(config, record) {
            stack.top(hooks);
        }
        if let Some(hooks) = hooks::while_made(config, record) {
            stack.top(hooks);
        }
        stack.top(pivot);
        Ok(())
    }
}

/// A command as step 1 has it.
pub fn command(process: &spec::Process, preserve_fds: u32) -> Process {
    let mut command = Process::new(process.args.iter().map(Into::into).collect());
    command.env.clear();
    for variable in &process.env {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        command.set_env(name, value);
    }
    command.preserve_fds = preserve_fds;
    command
}

fn user(linux: &Linux) -> UserNamespace {
    let maps = IdMaps {
        uid: mounts::ranges(&linux.uid_mappings),
        gid: mounts::ranges(&linux.gid_mappings),
    };
    UserNamespace::new(Userns::Maps(maps))
}
