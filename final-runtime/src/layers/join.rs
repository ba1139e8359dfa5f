//! Joining a container that runs: the world is not made, it is entered.
//!
//! See setns(2) with a pidfd, pidfd_open(2). The kernel moves this process into all the
//! namespaces at once or into none.

use std::{
    fs::{self, File},
    io::Write,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::{Component, Path, PathBuf},
};

use super::namespaces::NEWTIME;
use anyhow::{Context, Result, ensure};
use nix::{
    errno::Errno,
    sched::CloneFlags,
    sys::prctl,
    unistd::{Gid, Pid, Uid, setresgid, setresuid},
};
use step07::{Explain, Hierarchy, Layer, Version, sh, signals::send};

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
    cgroups: Vec<(String, File)>,
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
        let cgroups = open_cgroups(self.pid, &self.below)?;
        // All that was found by the number was the container's if it has not ended by now.
        send(self.pidfd.as_fd(), 0).context("looking after the container")?;
        self.prepared = Some(Prepared { namespaces, cgroups });
        Ok(())
    }

    fn joins(&self) -> bool {
        true
    }

    // ANCHOR: join-enter
    fn join(&mut self, explain: &Explain) -> Result<()> {
        let prepared = self.prepared.as_mut().context("was not prepared")?;
        let Prepared { namespaces, cgroups } = prepared;
        // From the next line on the container's processes could look into this one, which still
        // holds the runtime's memory and descriptors (CVE-2016-9962).
        prctl::set_dumpable(false).context("hiding from the container's processes")?;
        for (file, open) in cgroups {
            let (shell, doing) = (format!("echo 0 > {file}"), format!("joining {file}"));
            explain.act(shell, doing, || open.write_all(b"0"))?;
        }
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

/// The files that let a process into the groups of process `pid`, opened while this process still
/// sees the host's. A thread's file (`tasks`) where there is one: it spares the wait that moving
/// all threads of a process takes. Groups that this process is in already are left out: an
/// ordinary user's container may be in the user's own.
fn open_cgroups(pid: Pid, below: &[(Option<String>, PathBuf)]) -> Result<Vec<(String, File)>> {
    let own: Vec<_> = Hierarchy::all()?.into_iter().map(|hierarchy| hierarchy.own).collect();
    let mut open = Vec::new();
    for hierarchy in Hierarchy::of(&pid.to_string())? {
        let file = match hierarchy.version {
            Version::V1 => "tasks",
            Version::V2 => "cgroup.procs",
        };
        let here = |(of, _): &&(Option<String>, _)| {
            of.as_ref().is_none_or(|of| hierarchy.has(of) || of.is_empty())
        };
        let below = below.iter().rfind(here).map_or(Path::new(""), |(_, path)| path);
        let (false, Some(group)) = (own.contains(&hierarchy.own), hierarchy.own) else { continue };
        let file = group.join(below).join(file);
        let doing = || format!("opening {}", file.display());
        let opened = File::options().write(true).open(&file).with_context(doing)?;
        open.push((file.display().to_string(), opened));
    }
    Ok(open)
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
