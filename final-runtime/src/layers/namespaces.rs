//! Namespaces that are there already, which a container shares rather than making its own.
//!
//! They are joined by the predecessor of the container's first process, which still has all the
//! power of the host: so it can join those of the host even if the container is then born into a
//! user namespace of its own, in which it has power over none of them. Only those that belong to a
//! user namespace which is joined too may have to wait for that. See setns(2), ioctl_nsfs(2).

use std::{
    fs::{self, File},
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    errno::Errno,
    sched::{CloneFlags, setns},
    sys::prctl,
};
use step07::{Explain, Layer, sh};

use super::join::become_root;

/// The layer that joins them.
pub struct Joined {
    wanted: Vec<Wanted>,
}

/// One namespace.
struct Wanted {
    kind: CloneFlags,
    name: &'static str,
    path: PathBuf,
    open: Option<File>,
}

/// Flag, and name in `/proc/PID/ns` and of nsenter(1).
const KINDS: [(CloneFlags, &str, &str); 8] = [
    (CloneFlags::CLONE_NEWUSER, "user", "user"),
    (CloneFlags::CLONE_NEWPID, "pid", "pid"),
    (CloneFlags::CLONE_NEWNET, "net", "net"),
    (CloneFlags::CLONE_NEWIPC, "ipc", "ipc"),
    (CloneFlags::CLONE_NEWUTS, "uts", "uts"),
    (CloneFlags::CLONE_NEWCGROUP, "cgroup", "cgroup"),
    (NEWTIME, "time", "time"),
    (CloneFlags::CLONE_NEWNS, "mnt", "mount"), // last: it changes the root directory
];

/// nix has no name for it.
pub const NEWTIME: CloneFlags = CloneFlags::from_bits_retain(libc::CLONE_NEWTIME);

impl Joined {
    /// Those at these paths, each of the kind that its flag names.
    pub fn new(all: impl IntoIterator<Item = (CloneFlags, PathBuf)>) -> Self {
        let height = |kind| KINDS.iter().position(|(known, ..)| *known == kind);
        let mut wanted: Vec<_> = all
            .into_iter()
            .map(|(kind, path)| {
                let name = height(kind).map_or("", |at| KINDS[at].1);
                Wanted { kind, name, path, open: None }
            })
            .collect();
        wanted.sort_by_key(|one| height(one.kind));
        Self { wanted }
    }
}

impl Layer for Joined {
    fn name(&self) -> &'static str {
        "join"
    }

    /// Opens them, and looks whether they are what they should be. One that this process is in
    /// already is left out: nobody can join the user namespace that they are in.
    fn prepare(&mut self, _explain: &Explain) -> Result<()> {
        for one in &mut self.wanted {
            let Wanted { name, path, .. } = one;
            let shown = path.display().to_string();
            let file = File::open(&*path).with_context(|| format!("opening {shown}"))?;
            let kind = kind_of(&file).with_context(|| format!("{shown} is no namespace"))?;
            ensure!(kind == one.kind, "{shown} is no {name} namespace");
            one.open = (!is_own(&file, name)?).then_some(file);
        }
        Ok(())
    }

    fn joins(&self) -> bool {
        true
    }

    // ANCHOR: joined-join
    fn join(&mut self, explain: &Explain) -> Result<()> {
        // From here on others in there could look into this process.
        prctl::set_dumpable(false).context("hiding from the container's processes")?;
        let open = self.wanted.iter().filter_map(|one| one.open.as_ref().map(|file| (one, file)));
        let (user, others): (Vec<_>, Vec<_>) =
            open.partition(|(one, _)| one.kind == CloneFlags::CLONE_NEWUSER);
        let mut later = Vec::new();
        for (one, file) in others {
            match setns(file, one.kind) {
                Err(Errno::EPERM) if !user.is_empty() => later.push((one, file)),
                joined => one.joined(explain, joined)?,
            }
        }
        for (one, file) in &user {
            one.joined(explain, setns(file, one.kind))?;
            become_root(explain)?;
        }
        later.iter().try_for_each(|(one, file)| one.joined(explain, setns(file, one.kind)))
    }
    // ANCHOR_END: joined-join

    fn release(&mut self, _explain: &Explain) -> Result<()> {
        self.wanted.iter_mut().for_each(|one| one.open = None);
        Ok(())
    }
}

impl Wanted {
    fn joined(&self, explain: &Explain, joined: nix::Result<()>) -> Result<()> {
        let Self { kind, path, .. } = self;
        let long = KINDS.iter().find(|(known, ..)| known == kind).map_or("", |(.., long)| *long);
        explain.say(sh(["nsenter".into(), format!("--{long}={}", path.display())]));
        joined.with_context(|| format!("joining the {long} namespace {}", path.display()))
    }
}

/// Which kind of namespace a file stands for.
fn kind_of(file: &File) -> Result<CloneFlags> {
    const NS_GET_NSTYPE: libc::Ioctl = nix::request_code_none!(0xb7, 3) as libc::Ioctl;
    // SAFETY: the ioctl takes no argument.
    let kind = Errno::result(unsafe { libc::ioctl(file.as_raw_fd(), NS_GET_NSTYPE) });
    match kind {
        Ok(kind) => Ok(CloneFlags::from_bits_retain(kind)),
        Err(Errno::ENOTTY | Errno::EINVAL) => bail!("it is some other file"),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether this process is in it.
fn is_own(file: &File, name: &str) -> Result<bool> {
    let own = format!("/proc/self/ns/{name}");
    let own = fs::metadata(&own).with_context(|| format!("looking at {own}"))?;
    Ok(file.metadata()?.ino() == own.ino())
}

/// Whether `path` is the namespace that this process is in.
pub fn is_ours(path: &Path, kind: CloneFlags) -> bool {
    let name = KINDS.iter().find(|(known, ..)| *known == kind).map_or("", |(_, name, _)| *name);
    File::open(path).is_ok_and(|file| is_own(&file, name).unwrap_or(false))
}
