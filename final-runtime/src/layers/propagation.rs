//! `linux.rootfsPropagation`: what passes between the container's mounts and the host's.
//!
//! Unless it is asked for otherwise the container's are slaves: what the host mounts below a
//! directory that the container has too appears there, and never the other way round. See
//! mount_namespaces(7), "Shared subtrees".

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::{
    fcntl::{OFlag, open},
    mount::{MsFlags, mount},
    sched::CloneFlags,
    sys::stat::Mode,
};
use step07::{Explain, Layer, mount_api::mount_id, sh, unescape};

use crate::spec::Propagation;

/// The layer that gives the container its own table of mounts.
pub struct Mounts {
    /// What passes.
    pub propagation: Propagation,
    /// Where the root file system is.
    pub rootfs: PathBuf,
}

impl Layer for Mounts {
    fn name(&self) -> &'static str {
        "propagation"
    }

    fn namespaces(&self) -> CloneFlags {
        CloneFlags::CLONE_NEWNS
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        let (word, flag) = match self.propagation {
            Propagation::Shared => ("rshared", MsFlags::MS_SHARED),
            Propagation::Slave => ("rslave", MsFlags::MS_SLAVE),
            // One that cannot be bound could not hold the root file system either.
            Propagation::Private | Propagation::Unbindable => ("rprivate", MsFlags::MS_PRIVATE),
        };
        let change =
            || mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | flag, None::<&str>);
        explain.act(
            format_args!("mount --make-{word} /"),
            "changing the propagation of all mounts",
            change,
        )?;
        match self.propagation {
            Propagation::Shared => self.make_parent_private(explain),
            _ => Ok(()),
        }
    }
}

impl Mounts {
    /// Whatever is mounted on a shared mount appears on the host's too, and so would the root; nor
    /// can one pivot to it. So the mount that it is on is not shared any longer.
    fn make_parent_private(&self, explain: &Explain) -> Result<()> {
        let rootfs = &self.rootfs;
        let point =
            mount_point(rootfs).with_context(|| format!("looking at {}", rootfs.display()))?;
        explain.act(
            sh(["mount".as_ref(), "--make-private".as_ref(), point.as_os_str()]),
            format_args!("making {} private", point.display()),
            || mount(None::<&str>, &point, None::<&str>, MsFlags::MS_PRIVATE, None::<&str>),
        )
    }
}

/// Where the mount that `path` is in is mounted. See proc_pid_mountinfo(5).
fn mount_point(path: &Path) -> Result<PathBuf> {
    let place = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
    let id = mount_id(place)?.to_string();
    let table = fs::read_to_string("/proc/self/mountinfo").context("reading mountinfo")?;
    let found = table.lines().find_map(|line| {
        let mut words = line.split(' ');
        (words.next() == Some(&id)).then(|| words.nth(3).map(unescape))?
    });
    found.context("it is in no mount")
}
