//! Joining a container that runs: the world is not made, it is entered.
//!
//! See setns(2) with a pidfd, pidfd_open(2). The kernel moves this process into all the
//! namespaces at once or into none.

use std::{
    fs::{self, File},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use nix::{
    errno::Errno,
    sched::CloneFlags,
    sys::prctl,
    unistd::{Gid, Pid, Uid, setresgid, setresuid},
};
use step07::{Door, Explain, Files, Hierarchy, Layer, Version, sh, signals::send};

use super::namespaces::NEWTIME;

/// The namespaces, by their names in `/proc/PID/ns`.
const NAMESPACES: [(&str, CloneFlags); 8] = [
    ("user", CloneFlags::CLONE_NEWUSER),
    ("cgroup", CloneFlags::CLONE_NEWCGROUP),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("mnt", CloneFlags::CLONE_NEWNS),
    ("net", CloneFlags::CLONE_NEWNET),
    ("pid", CloneFlags::CLONE_NEWPID),
    ("uts", CloneFlags::CLONE_NEWUTS),
    ("time", NEWTIME),
];

/// The bottom layer of `exec`: everything that the steps' layers made for the container's first
/// process, this process goes into.
pub struct Join {
    /// Groups below the container's own to be in: a path, and the controller in whose hierarchy that
    /// is, or none for all.
    pub below: Vec<(Option<String>, PathBuf)>,
    pid: Pid,
    pidfd: OwnedFd,
    prepared: Option<Prepared>,
}

struct Prepared {
    namespaces: CloneFlags,
    doors: Vec<Door>,
    nursery: Option<File>,
}

impl Join {
    /// The container whose first process has this number and this descriptor.
    pub fn new(pid: i32, pidfd: OwnedFd) -> Self {
        Self { below: Vec::new(), pid: Pid::from_raw(pid), pidfd, prepared: None }
    }

    /// Those of the container's namespaces that this process is not in already: a process cannot
    /// join the user namespace that it is in.
    fn foreign_namespaces(&self) -> Result<CloneFlags> {
        let inode = |pid: &str, name: &str| {
            let file = format!("/proc/{pid}/ns/{name}");
            fs::metadata(&file).map(|meta| meta.ino()).with_context(|| format!("looking at {file}"))
        };
        let mut flags = CloneFlags::empty();
        // Not every kernel has all kinds.
        let known = |(name, _): &(&str, CloneFlags)| Path::new("/proc/self/ns").join(name).exists();
        for (name, flag) in NAMESPACES.into_iter().filter(known) {
            if inode(&self.pid.to_string(), name)? != inode("self", name)? {
                flags |= flag;
            }
        }
        Ok(flags)
    }
}

impl Layer for Join {
    fn name(&self) -> &'static str {
        "join"
    }

    fn prepare(&mut self, _explain: &Explain) -> Result<()> {
        let namespaces = self.foreign_namespaces()?;
        let (doors, nursery) = groups(self.pid, &self.below)?;
        // All that was found by the number was the container's if it has not ended by now.
        send(self.pidfd.as_fd(), 0).context("looking after the container")?;
        self.prepared = Some(Prepared { namespaces, doors, nursery });
        Ok(())
    }

    /// The group of v2: to be born there spares the wait that joining it takes.
    fn born_into(&self) -> Option<BorrowedFd<'_>> {
        self.prepared.as_ref()?.nursery.as_ref().map(AsFd::as_fd)
    }

    fn joins(&self) -> bool {
        true
    }

    // ANCHOR: join-enter
    fn join(&mut self, explain: &Explain) -> Result<()> {
        // ANCHOR: exercise-8-3
        let prepared = self.prepared.as_mut().context("was not prepared")?;
        let Prepared { namespaces, doors, .. } = prepared;
        // From the next line on the container's processes could look into this one, which still
        // holds the runtime's memory and descriptors (CVE-2016-9962).
        prctl::set_dumpable(false).context("hiding from the container's processes")?;
        doors.iter_mut().try_for_each(|door| door.enter(explain))?;
        let pid = self.pid.to_string();
        explain.act(
            sh(["nsenter", "--all", "--target", &pid]),
            format_args!("joining the namespaces of process {pid}"),
            || setns(&self.pidfd, *namespaces),
        )?;
        if namespaces.contains(CloneFlags::CLONE_NEWUSER) {
            become_root(explain)?;
        }
        Ok(())
        // ANCHOR_END: exercise-8-3
    }
    // ANCHOR_END: join-enter

    fn release(&mut self, _explain: &Explain) -> Result<()> {
        self.prepared = None;
        Ok(())
    }
}

/// Root of the user namespace that was joined: in there this process's ids mean nothing yet.
pub fn become_root(explain: &Explain) -> Result<()> {
    let (user, group) = (Uid::from_raw(0), Gid::from_raw(0));
    let set = || {
        setresgid(group, group, group)?;
        setresuid(user, user, user)
    };
    explain.act("setpriv --reuid 0 --regid 0", "becoming root in there", set)
}

/// The doors to the groups of process `pid`, opened while this process still sees the host's, and
/// the directory of the one of v2. Groups that this process is in already are left out: an ordinary
/// user's container may be in the user's own.
fn groups(pid: Pid, below: &[(Option<String>, PathBuf)]) -> Result<(Vec<Door>, Option<File>)> {
    let own: Vec<_> = Hierarchy::all()?.into_iter().map(|hierarchy| hierarchy.own).collect();
    let (mut doors, mut nursery) = (Vec::new(), None);
    for hierarchy in Hierarchy::of(&pid.to_string())? {
        let here = |(of, _): &&(Option<String>, _)| {
            of.as_ref().is_none_or(|of| hierarchy.has(of) || of.is_empty())
        };
        let below = below.iter().rfind(here).map_or(Path::new(""), |(_, path)| path);
        let (false, Some(group)) = (own.contains(&hierarchy.own), &hierarchy.own) else { continue };
        let files = Files { version: hierarchy.version, dir: group.join(below) };
        if files.version == Version::V2 {
            nursery = File::open(&files.dir).ok(); // the door says what is wrong with it
        }
        doors.push(Door::open(&files)?);
    }
    Ok((doors, nursery))
}

/// `[CONTROLLER:]PATH`, a path that leads no way but down.
pub fn below(text: &str) -> Result<(Option<String>, PathBuf)> {
    let (controller, path) = match text.split_once(':') {
        Some((controller, path)) => (Some(controller.to_string()), path),
        None => (None, text),
    };
    let path = Path::new(path.trim_start_matches('/'));
    let down = path.components().all(|part| matches!(part, Component::Normal(_)));
    ensure!(down, "join: --cgroup {text:?}: expected [CONTROLLER:]PATH without `..`");
    Ok((controller, path.into()))
}

/// nix's `setns` takes one namespace; a pidfd takes several.
fn setns(pidfd: &OwnedFd, namespaces: CloneFlags) -> nix::Result<()> {
    // SAFETY: two integers.
    let result = unsafe { libc::setns(pidfd.as_fd().as_raw_fd(), namespaces.bits()) };
    Errno::result(result).map(drop)
}
