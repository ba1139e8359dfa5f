//! Mounts that the host's side makes ready: those that show their owners as other numbers (the options
//! `idmap` and `ridmap`), and those of places that a container in a user namespace of its own could not
//! reach, since some directory above lets nobody but root through. See mount_setattr(2), "ID-mapped
//! mounts".
//!
//! The kernel takes the numbers from a user namespace; so one is made that has nobody in it but a
//! process that holds it open, for as long as it takes. All is done by the host's side, since a
//! container in a user namespace of its own may not map the ids of the host's file systems. The
//! container's side attaches the mount, which it has as a descriptor.

use std::{
    fs::File,
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
};

use anyhow::{Context, Result, anyhow};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sched::CloneFlags,
    sys::{
        prctl::set_pdeathsig,
        signal::Signal,
        stat::Mode,
        wait::{Id, WaitPidFlag, waitid},
    },
    unistd::pause,
};
use step07::{
    Explain, IdMaps, Layer, Ready,
    clone::clone3,
    map_file,
    mount_api::{self, Attributes},
    signals::send,
};

/// The layer that makes one of them ready.
pub struct Prepared {
    /// What is mounted.
    pub source: PathBuf,
    /// With all that is mounted below it.
    pub recursive: bool,
    /// Whether the mounts below are id-mapped too.
    pub below: bool,
    /// The numbers, if they change: those of the files are the first, those that are shown the second.
    pub maps: Option<IdMaps>,
    /// Where the container's side finds it.
    pub mount: Ready,
}

impl Layer for Prepared {
    fn name(&self) -> &'static str {
        "files"
    }

    fn prepare(&mut self, explain: &Explain) -> Result<()> {
        let shown = self.source.display();
        let maps = self.maps.as_ref();
        let namespace = maps.map(|maps| user_namespace(explain, maps)).transpose()?;
        let mount = self.copy().with_context(|| format!("opening {shown}"))?;
        if let Some(namespace) = namespace {
            explain.act(
                format_args!("# mount -o X-mount.idmap=… {shown}"),
                format_args!("mapping the ids of {shown}"),
                || {
                    mount_api::map_ids(&mount, namespace, self.below).map_err(|errno| match errno {
                        Errno::EINVAL => anyhow!("{errno} (its file system cannot)"),
                        errno => errno.into(),
                    })
                },
            )?;
        }
        let _ = self.mount.0.set(mount); // prepared twice it is the same
        Ok(())
    }
}

impl Prepared {
    /// The host's is shared with what is a copy of it; what the container mounts must not appear
    /// there.
    fn copy(&self) -> nix::Result<OwnedFd> {
        let place = open(&self.source, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
        let mount = mount_api::copy(place, self.recursive)?;
        let cut_off =
            Attributes { propagation: libc::MS_SLAVE, recursive: true, ..Attributes::default() };
        mount_api::change(&mount, cut_off)?;
        Ok(mount)
    }
}

/// A user namespace with these ids.
fn user_namespace(explain: &Explain, maps: &IdMaps) -> Result<OwnedFd> {
    let Some(child) = clone3(explain, CloneFlags::CLONE_NEWUSER, None)? else {
        let _ = set_pdeathsig(Signal::SIGKILL);
        loop {
            pause();
        }
    };
    let open = || -> Result<OwnedFd> {
        map_file::write(explain, child.pid, maps)?;
        let path = format!("/proc/{}/ns/user", child.pid);
        Ok(File::open(&path).with_context(|| format!("opening {path}"))?.into())
    };
    let namespace = open();
    let _ = send(child.pidfd.as_fd(), libc::SIGKILL);
    waitid(Id::PIDFd(child.pidfd.as_fd()), WaitPidFlag::WEXITED).context("waiting for its end")?;
    namespace
}
