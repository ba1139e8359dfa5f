//! What a test may need of the machine, and whether it is there.
//!
//! A test whose need is missing is reported as ignored, with the reason, and never as passed.

use std::{fs, path::Path, sync::OnceLock};

use nix::unistd::geteuid;

use crate::Sandbox;

/// Something that not every machine, or not every user, has.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// Real root, outside any user namespace of a test's own.
    Root,
    /// Not root: an ordinary user.
    OrdinaryUser,
    /// The private namespaces of a [`Sandbox`]. A test that takes a `&Sandbox` has this need.
    Sandbox,
    /// An unprivileged process may make user namespaces.
    UserNamespaces,
    /// The named controller is mounted as version 1, and this user may make groups there.
    CgroupV1(&'static str),
    /// The named controller is available in version 2, and this user may make groups there.
    CgroupV2(&'static str),
    /// A file system that the kernel knows, as in `/proc/filesystems`.
    Filesystem(&'static str),
    /// Real root, and a device-mapper with thin pools in the kernel.
    DeviceMapper,
    /// A program in `PATH`.
    Command(&'static str),
    /// A path that exists.
    Path(&'static str),
    /// What only the tests of one file need: why it is missing, or `None` if it is there.
    Other(fn() -> Option<String>),
}

impl Need {
    /// Why this need is not met, or `None` if it is.
    pub fn missing(self) -> Option<String> {
        match self {
            Self::Root => (!real_root()).then(|| "needs real root".into()),
            Self::OrdinaryUser => geteuid().is_root().then(|| "needs not to be root".into()),
            Self::Sandbox => sandbox().clone().map(|why| format!("needs a sandbox: {why}")),
            Self::UserNamespaces => user_namespaces(),
            Self::CgroupV1(controller) => match hierarchy("cgroup", controller) {
                Some(dir) => not_writable(&dir),
                None => Some(format!("needs cgroup v1 with {controller}")),
            },
            Self::CgroupV2(controller) => cgroup_v2(controller),
            Self::Filesystem(name) => {
                let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
                let known = known.lines().any(|line| line.split_whitespace().last() == Some(name));
                (!known).then(|| format!("needs the file system {name} in the kernel"))
            }
            Self::DeviceMapper => device_mapper(),
            Self::Command(name) => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                let found = std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
                (!found).then(|| format!("needs the command {name}"))
            }
            Self::Path(path) => (!Path::new(path).exists()).then(|| format!("needs {path}")),
            Self::Other(missing) => missing(),
        }
    }
}

/// Root of the machine, as far as one can see: user 0 with every id mapped.
fn real_root() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let words: Vec<_> = map.split_whitespace().collect();
    geteuid().is_root() && words == ["0", "0", "4294967295"]
}

/// A device-mapper has a character device, and its targets are modules, loaded or built in.
fn device_mapper() -> Option<String> {
    let devices = fs::read_to_string("/proc/misc").unwrap_or_default();
    let known = devices.lines().any(|line| line.ends_with(" device-mapper"));
    let thin = Path::new("/sys/module/dm_thin_pool").exists();
    match known && thin {
        true => Need::Root.missing(),
        false => Some("needs the device-mapper with thin pools (dm-thin-pool)".into()),
    }
}

/// Why no sandbox can be made here; tried once.
fn sandbox() -> &'static Option<String> {
    static TRIED: OnceLock<Option<String>> = OnceLock::new();
    TRIED.get_or_init(|| Sandbox::new().err().map(|error| format!("{error:#}")))
}

fn user_namespaces() -> Option<String> {
    static TRIED: OnceLock<Option<String>> = OnceLock::new();
    let try_it = || {
        let error = Sandbox::try_user_namespace().err()?;
        Some(format!("needs unprivileged user namespaces: {error:#}"))
    };
    TRIED.get_or_init(try_it).clone()
}

/// Where a cgroup hierarchy of this type with this option is mounted. See cgroups(7).
fn hierarchy(kind: &str, option: &str) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let found = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|mount| {
        let options = mount.get(3).copied().unwrap_or_default();
        mount.get(2) == Some(&kind)
            && (option.is_empty() || options.split(',').any(|o| o == option))
    })?;
    found.get(1).map(|dir| (*dir).to_string())
}

fn cgroup_v2(controller: &str) -> Option<String> {
    let Some(dir) = hierarchy("cgroup2", "") else {
        return Some("needs cgroup v2".into());
    };
    let controllers = fs::read_to_string(format!("{dir}/cgroup.controllers")).unwrap_or_default();
    if !controller.is_empty() && !controllers.split_whitespace().any(|c| c == controller) {
        return Some(format!("needs cgroup v2 with {controller}"));
    }
    not_writable(&dir)
}

fn not_writable(dir: &str) -> Option<String> {
    nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK)
        .err()
        .map(|errno| format!("needs to make groups in {dir}: {errno}"))
}
