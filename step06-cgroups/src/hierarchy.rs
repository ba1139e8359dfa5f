//! Where cgroups are on this machine, and which of them may be used: v1, v2 or both.
//!
//! cgroup v1 has many trees ("hierarchies"), each mounted on its own and each with one or a few
//! controllers; v2 has one tree for all. Under "hybrid" both are there, and a controller is in one
//! or the other. Nothing of this has a fixed place: the mounts tell. See cgroups(7),
//! proc_pid_mountinfo(5), cgroup_namespaces(7).

use std::{
    cell::OnceCell,
    ffi::OsString,
    fs,
    iter::successors,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::{
    fcntl::{AT_FDCWD, AtFlags},
    unistd::{AccessFlags, faccessat},
};

use crate::Controller;

/// The two dialects of the files in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// One tree a controller, limits such as `memory.limit_in_bytes`.
    V1,
    /// One tree for all controllers, limits such as `memory.max`.
    V2,
}

/// One tree of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// The dialect of its files.
    pub version: Version,
    /// v1: what it was mounted with, a name such as `name=systemd` included. v2: what the caller's
    /// subtree of it was given, from `cgroup.controllers`.
    pub controllers: Vec<String>,
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// The directory of the group that the caller is in; `None` if that is not below the mount.
    pub own: Option<PathBuf>,
    /// What `top` has found.
    top: OnceCell<Option<PathBuf>>,
}

impl Hierarchy {
    /// One with these parts.
    pub(crate) fn new(
        version: Version,
        controllers: Vec<String>,
        mount_point: PathBuf,
        own: Option<PathBuf>,
    ) -> Self {
        Self { version, controllers, mount_point, own, top: OnceCell::new() }
    }

    /// All hierarchies that are mounted here, in the order of `/proc/self/cgroup`.
    pub fn all() -> Result<Vec<Self>> {
        Self::of("self")
    }

    /// The same as they are for another process, by its number: `own` is the group that it is in.
    pub fn of(process: &str) -> Result<Vec<Self>> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| format!("reading {path}"));
        let groups = read(&format!("/proc/{process}/cgroup"))?;
        let all = parse(&read("/proc/self/mountinfo")?, &groups);
        let at_top = |one: Self| match one.version {
            Version::V1 => one,
            Version::V2 => {
                let top = one.top().unwrap_or_else(|| one.mount_point.clone());
                one.at(&top)
            }
        };
        Ok(all.into_iter().map(at_top).collect())
    }

    /// The same as it is for those in the group at `dir`: of v2 a group has what it was given.
    pub fn at(mut self, dir: &Path) -> Self {
        if self.version == Version::V2 {
            let listed = fs::read_to_string(dir.join("cgroup.controllers")).unwrap_or_default();
            self.controllers = listed.split_whitespace().map(String::from).collect();
        }
        self
    }

    /// Whether this is where the controller of this name lives.
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|one| one == controller)
    }

    /// Whether this is where `controller` lives.
    pub fn lists(&self, controller: &dyn Controller) -> bool {
        self.has(controller.name_in(self.version))
    }

    /// Whether `controller` could work here: it lives here, or is one that v2 has without listing it.
    pub fn serves(&self, controller: &dyn Controller) -> bool {
        self.lists(controller) || self.version == Version::V2 && !controller.listed()
    }

    /// The highest group, from the caller's own upwards, in which the caller may make groups and
    /// from which it may move processes into them.
    ///
    /// For root that is the root of the tree. For another user it is the root of the subtree that
    /// was delegated to it (see "Delegation" in cgroups(7)), or `None` if none was. The highest,
    /// since the lower ones have processes in them, and in v2 only the leaves may have both
    /// processes and limits. The kernel is asked once.
    pub fn top(&self) -> Option<PathBuf> {
        let find = || {
            let own = self.own.as_ref().unwrap_or(&self.mount_point);
            let above = own.ancestors().take_while(|dir| dir.starts_with(&self.mount_point));
            let all: Vec<_> = above.collect();
            all.into_iter().rev().find(|dir| self.may_use(dir)).map(Path::to_owned)
        };
        self.top.get_or_init(find).clone()
    }

    /// Whether the caller may make groups in that one, and move processes into them.
    pub fn may_use(&self, dir: &Path) -> bool {
        // Of eaccess(3) glibc makes six system calls.
        let effective = AtFlags::AT_EACCESS;
        let may = |path: &Path| faccessat(AT_FDCWD, path, AccessFlags::W_OK, effective).is_ok();
        may(dir) && may(&dir.join("cgroup.procs"))
    }
}

/// The hierarchies of a machine from the text of its `mountinfo` and `cgroup` in `/proc/self`.
///
/// The controllers of v2 are in neither; they are left empty.
pub fn parse(mountinfo: &str, cgroup: &str) -> Vec<Hierarchy> {
    let places: Vec<Place> = mountinfo.lines().filter_map(Place::parse).collect();
    let seen = |line: &&str| Place::parse(line).is_none_or(|place| !place.is_covered(&places));
    let mounts: Vec<Mount> = mountinfo.lines().filter(seen).filter_map(Mount::parse).collect();
    cgroup.lines().filter_map(|line| hierarchy(line, &mounts)).collect()
}

/// The hierarchy of one line of `/proc/self/cgroup`: `ID:CONTROLLER,…:PATH`, of v2 `0::PATH`.
fn hierarchy(line: &str, mounts: &[Mount]) -> Option<Hierarchy> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (names, path) = (fields.next()?, fields.next()?);
    let controllers: Vec<_> = names.split(',').filter(|name| !name.is_empty()).collect();
    let version = if controllers.is_empty() { Version::V2 } else { Version::V1 };
    let of_this = |mount: &&Mount| {
        mount.version == version && controllers.iter().all(|name| mount.options.contains(name))
    };
    // One tree may be mounted at many places: best is where most of it is seen, and the caller's
    // own group with it.
    let rank = |mount: &&Mount| (mount.find(path).is_none(), mount.root.components().count());
    let mount = mounts.iter().filter(of_this).min_by_key(rank)?;
    let controllers = controllers.into_iter().map(String::from).collect();
    Some(Hierarchy::new(version, controllers, mount.point.clone(), mount.find(path)))
}

/// Where a mount is, and what it is on.
struct Place<'a> {
    id: &'a str,
    parent: &'a str,
    point: &'a str,
}

impl<'a> Place<'a> {
    /// `ID PARENT MAJOR:MINOR ROOT POINT …`
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.split(' ');
        let (id, parent, point) = (fields.next()?, fields.next()?, fields.nth(2)?);
        Some(Self { id, parent, point })
    }

    /// Whether another mount hides it, at the same place or at a directory on the way: then it is not
    /// on that one, as it is on all others that are there.
    fn is_covered(&self, all: &[Self]) -> bool {
        let on_the_way = |other: &&Self| match self.point.strip_prefix(other.point) {
            Some(rest) => rest.is_empty() || rest.starts_with('/') || other.point == "/",
            None => false,
        };
        let way: Vec<_> = all.iter().filter(on_the_way).collect();
        let below = |one: &&Self| way.iter().copied().find(|other| other.id == one.parent);
        let stack = successors(Some(self), |one| below(one).filter(|below| below.id != one.id));
        stack.count() < way.len()
    }
}

/// What a line of mountinfo says of a cgroup file system.
struct Mount<'a> {
    version: Version,
    /// The group that is the root of this mount: not `/` where a part was bind-mounted, and `/..`
    /// and so on where the mount shows what lies above the caller's cgroup namespace.
    root: PathBuf,
    point: PathBuf,
    options: Vec<&'a str>,
}

impl<'a> Mount<'a> {
    /// `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS TAG… - TYPE SOURCE SUPER-OPTIONS`; `None` for any
    /// other file system.
    fn parse(line: &'a str) -> Option<Self> {
        // ANCHOR: exercise-6-10
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let mut filesystem = filesystem.split(' ');
        let version = match filesystem.next()? {
            "cgroup" => Version::V1,
            "cgroup2" => Version::V2,
            _ => return None,
        };
        Some(Self {
            version,
            root: unescape(mount.next()?),
            point: unescape(mount.next()?),
            options: filesystem.nth(1)?.split(',').collect(),
        })
        // ANCHOR_END: exercise-6-10
    }

    /// Where this mount shows the group at `path`.
    fn find(&self, path: &str) -> Option<PathBuf> {
        let below = Path::new(path).strip_prefix(&self.root).ok()?;
        let climbs = below.components().any(|part| part.as_os_str() == "..");
        let dir = || self.point.components().chain(below.components()).collect();
        (!climbs && !path.ends_with(" (deleted)")).then(dir)
    }
}

/// Mountinfo writes blanks, newlines and backslashes as a backslash and three octal digits.
pub fn unescape(field: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = field.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(code) if byte == b'\\' => {
                bytes.push(code);
                rest = &after[3..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests;
