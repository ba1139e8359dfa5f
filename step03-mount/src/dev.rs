//! `/dev`: the few devices that every program may expect, and the customary links.
//!
//! See null(4), random(4), tty(4), pts(4), mknod(2).

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use anyhow::{Context, Result, bail};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::stat::{Mode, SFlag, fstat, makedev, mknodat},
    unistd::symlinkat,
};
use step02::{Explain, lazy, sh};

use crate::{
    mount_api,
    root::{Root, kind, make_file_in},
};

/// A character device in the container's `/dev`, for all to read and write (mode 0666).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name, here and on the host.
    pub name: &'static str,
    /// What the kernel goes by: the driver …
    pub major: u64,
    /// … and the device among the driver's.
    pub minor: u64,
}

/// The devices of every container.
pub const DEFAULT_DEVICES: [Device; 6] = [
    Device { name: "null", major: 1, minor: 3 },
    Device { name: "zero", major: 1, minor: 5 },
    Device { name: "full", major: 1, minor: 7 },
    Device { name: "random", major: 1, minor: 8 },
    Device { name: "urandom", major: 1, minor: 9 },
    Device { name: "tty", major: 5, minor: 0 },
];

/// Name in `/dev`, and where it leads.
const LINKS: [(&str, &str); 6] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
    ("core", "/proc/kcore"),
];

/// Fills `dev`, the new file system on the container's `/dev`. Its path is not resolved again:
/// nothing is made in an image, let alone on the host (CVE-2026-41579).
pub fn fill(dev: &OwnedFd, devices: &[Device], root: &Root, explain: &Explain) -> Result<()> {
    for device in devices {
        device.make(dev, root, explain)?;
    }
    link(dev, root, explain)
}

/// Lays the customary links in `dev`, where there is nothing of that name yet.
pub fn link(dev: &OwnedFd, root: &Root, explain: &Explain) -> Result<()> {
    let kcore = root.open(Path::new("/proc/kcore")).is_ok(); // not every kernel has it
    for (name, leads_to) in LINKS.iter().filter(|(name, _)| *name != "core" || kcore) {
        explain.act(
            lazy(|| sh(["ln", "-s", leads_to, &root.shown(&Path::new("/dev").join(name))])),
            format_args!("linking /dev/{name} to {leads_to}"),
            || match symlinkat(*leads_to, dev, *name) {
                Err(Errno::EEXIST) => Ok(()),
                linked => linked,
            },
        )?;
    }
    Ok(())
}

impl Device {
    fn make(&self, dev: &OwnedFd, root: &Root, explain: &Explain) -> Result<()> {
        let Self { name, major, minor } = self;
        let shown = root.shown(&Path::new("/dev").join(name));
        // ANCHOR: exercise-3-6
        match mknodat(dev, *name, SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), self.number()) {
            // In a user namespace nobody may make devices, only borrow the host's.
            Err(Errno::EPERM) => explain.act(
                self.shell_bind(root, &shown),
                format_args!("binding the host's /dev/{name}"),
                || self.bind(dev),
            ),
            made => {
                let (major, minor) = (major.to_string(), minor.to_string());
                explain.say(sh(["mknod", "-m", "666", &shown, "c", &major, &minor]));
                made.with_context(|| format!("making the device /dev/{name}"))
            }
        }
        // ANCHOR_END: exercise-3-6
    }

    fn bind(&self, dev: &OwnedFd) -> Result<()> {
        let source = mount_api::copy(self.open_on_host()?, false)?;
        let target = make_file_in(dev, self.name.as_ref()).context("making the mount point")?;
        mount_api::attach(source, target).context("mounting")
    }

    /// The host's device of this name, if it is what it should be: whoever prepared this host may
    /// have put anything there (CVE-2025-31133).
    pub fn open_on_host(&self) -> Result<OwnedFd> {
        let path = Path::new("/dev").join(self.name);
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let fd = open(&path, flags, Mode::empty()).context("opening it on the host")?;
        self.verify(&fd)?;
        Ok(fd)
    }

    fn verify(&self, fd: impl AsFd) -> Result<()> {
        let stat = fstat(fd)?;
        if kind(&stat) != SFlag::S_IFCHR || stat.st_rdev != self.number() {
            let Self { name, major, minor } = self;
            bail!("the host's /dev/{name} is not the character device {major}:{minor}");
        }
        Ok(())
    }

    fn number(&self) -> libc::dev_t {
        makedev(self.major, self.minor)
    }

    fn shell_bind(&self, root: &Root, shown: &str) -> String {
        let bind = root.shell_mount(&["--bind", &format!("/dev/{}", self.name), shown]);
        format!("{} && {bind}", sh(["touch", shown]))
    }
}
