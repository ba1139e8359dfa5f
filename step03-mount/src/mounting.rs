//! Putting a [`MountPoint`] in place.
//!
//! It is always the same: open what is to be bind-mounted, resolve the target, make a mount that is
//! attached nowhere yet, attach it. Source and target are resolved once each, and descriptors from
//! there on, so that nobody can swap one for a link between a check and its use.

use std::{os::fd::OwnedFd, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::{
        stat::{Mode, SFlag, fstat},
        statfs::{PROC_SUPER_MAGIC, fstatfs},
    },
};
use step02::{Explain, lazy, sh};

use crate::{
    MountPoint, Source,
    mount_api::{self, Attributes, Refusal},
    root::{Root, kind},
};

impl MountPoint {
    /// Mounts it beneath `root`. The descriptor is that of the new mount.
    pub fn mount(&self, root: &Root, explain: &Explain) -> Result<OwnedFd> {
        match self.try_mount(root, explain) {
            Err(error) if self.is_new("sysfs") && refused(&error) => {
                explain
                    .say("# refused: sysfs shows a network namespace, and this one is the host's");
                self.instead_of_sysfs().try_mount(root, explain)
            }
            other => other,
        }
    }

    fn try_mount(&self, root: &Root, explain: &Explain) -> Result<OwnedFd> {
        let shell = lazy(|| self.shell(root));
        let doing = || format!("mounting {self}");
        if self.source == Source::Remount {
            return explain.act(shell, lazy(doing), || self.remount(root));
        }
        let source = self.open_source().with_context(doing)?;
        let target = self.place(root, source.as_ref(), explain).with_context(doing)?;
        let mount = explain.act(shell, lazy(doing), || {
            let mount = self.detached(source)?;
            self.then.iter().try_for_each(|attributes| mount_api::change(&mount, *attributes))?;
            self.fill.map_or(Ok(()), |fill| fill.0(&mount, &target))?;
            mount_api::attach(&mount, target)?;
            anyhow::Ok(mount)
        })?;
        if self.is_new("proc") {
            self.verify_proc(root)?;
        }
        Ok(mount)
    }

    /// The file or directory to bind.
    fn open_source(&self) -> Result<Option<OwnedFd>> {
        let path = match &self.source {
            Source::New { .. } | Source::Remount => return Ok(None),
            Source::Bind { path, .. } => path,
            Source::Ready { mount, .. } => {
                let mount = mount.0.get().context("nobody has made it ready")?;
                return Ok(Some(mount.try_clone()?));
            }
        };
        let fd = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
        fd.map(Some).map_err(|errno| match errno {
            Errno::ENOENT => anyhow!("{} does not exist on the host", path.display()),
            errno => anyhow!("{errno}{}", no_entry(errno)),
        })
    }

    /// The mount, attached nowhere yet.
    fn detached(&self, source: Option<OwnedFd>) -> Result<OwnedFd> {
        // ANCHOR: exercise-3-5
        match (&self.source, source) {
            (Source::Bind { recursive, .. }, Some(source)) => {
                let mount = mount_api::copy(source, *recursive)?;
                mount_api::change(&mount, self.attributes)?;
                Ok(mount)
            }
            (Source::New { fstype, name }, _) => {
                let data = self.data_for_this_user_namespace();
                let mount = mount_api::new_filesystem(fstype, name, &data, self.attributes);
                mount.map_err(|refusal| self.with_hint(refusal))
            }
            (Source::Ready { .. }, Some(mount)) => {
                mount_api::change(&mount, self.attributes)?;
                Ok(mount)
            }
            (Source::Bind { .. } | Source::Ready { .. } | Source::Remount, _) => {
                unreachable!("opened by try_mount")
            }
        }
        // ANCHOR_END: exercise-3-5
    }

    fn remount(&self, root: &Root) -> Result<OwnedFd> {
        let mount = root.open(&self.target)?;
        for attributes in [&self.attributes].into_iter().chain(&self.then) {
            mount_api::change(&mount, *attributes).map_err(|errno| match errno {
                Errno::EINVAL => anyhow!("nothing is mounted there"),
                errno => errno.into(),
            })?;
        }
        Ok(mount)
    }

    /// The place to mount on, resolved once; made where it is missing.
    fn place(&self, root: &Root, source: Option<&OwnedFd>, explain: &Explain) -> Result<OwnedFd> {
        let directory = match source {
            Some(source) => kind(&fstat(source)?) == SFlag::S_IFDIR,
            None => true,
        };
        let found = if self.refuses_links() {
            root.open_no_links(&self.target)
        } else {
            root.open(&self.target)
        };
        let place = match found {
            Err(Errno::ENOENT) => self.make_place(root, directory, explain)?,
            Err(Errno::ELOOP) if self.refuses_links() => {
                bail!("the rootfs has a symbolic link there, where a directory must be")
            }
            found => found?,
        };
        self.check(root, &place, source, directory)?;
        Ok(place)
    }

    fn make_place(&self, root: &Root, directory: bool, explain: &Explain) -> Result<OwnedFd> {
        let shown = || root.shown(&self.target);
        let made = if directory {
            explain.say(lazy(|| sh(["mkdir", "-p", &shown()])));
            root.make_missing_dir(&self.target)
        } else {
            explain.say(lazy(|| {
                let above = root.shown(self.target.parent().unwrap_or(&self.target));
                format!("{} && {}", sh(["mkdir", "-p", &above]), sh(["touch", &shown()]))
            }));
            root.make_file(&self.target)
        };
        made.map_err(|errno| match errno {
            Errno::EROFS => {
                anyhow!("there is nothing to mount it on, and no way to make it: {errno}")
            }
            errno => anyhow!("making the mount point: {errno}"),
        })
    }

    /// What must not be mounted over, and what cannot.
    fn check(
        &self,
        root: &Root,
        place: &OwnedFd,
        source: Option<&OwnedFd>,
        directory: bool,
    ) -> Result<()> {
        match (directory, kind(&fstat(place)?) == SFlag::S_IFDIR) {
            (true, false) => bail!("a directory cannot be mounted on a file"),
            (false, true) => bail!("a file cannot be mounted on a directory"),
            _ => {}
        }
        if root.is(place)? {
            bail!("the root itself cannot be mounted over");
        }
        let is_proc = |fd: &OwnedFd| Ok(fstatfs(fd)?.filesystem_type() == PROC_SUPER_MAGIC);
        let shows_proc = self.is_new("proc") || source.map_or(anyhow::Ok(false), is_proc)?;
        let on_proc = self.target == Path::new("/proc");
        if on_proc && !shows_proc {
            bail!("only a procfs may be mounted on /proc");
        }
        if is_proc(place)? && !on_proc && !self.is_new("proc") && !self.may_be_in_proc() {
            bail!("nothing may be mounted inside /proc");
        }
        Ok(())
    }

    /// Whatever else the rootfs is up to: what the container will find at `/proc` is a procfs.
    fn verify_proc(&self, root: &Root) -> Result<()> {
        let found = root.open_no_links(&self.target).context("opening /proc")?;
        if fstatfs(found)?.filesystem_type() != PROC_SUPER_MAGIC {
            bail!("{} is no procfs after mounting one there", self.target.display());
        }
        Ok(())
    }

    /// Only the owner of the network namespace may mount a sysfs that shows it. The host's own,
    /// with all that is mounted below it, shows the same; it must not be written to.
    fn instead_of_sysfs(&self) -> Self {
        let attributes = Attributes {
            set: self.attributes.set | libc::MOUNT_ATTR_RDONLY,
            recursive: true,
            ..self.attributes
        };
        Self { attributes, ..Self::bind("/sys", &self.target) }
    }

    /// A rootfs that redirects these could make everyone who relies on them, this runtime
    /// included, write elsewhere (CVE-2019-19921, CVE-2023-27561).
    fn refuses_links(&self) -> bool {
        self.is_new("proc") || self.is_new("sysfs") || self.target == Path::new("/dev")
    }

    /// Files of procfs that tell about the machine, and that lxcfs and others give containers a better
    /// version of. What else is in there steers the kernel, or the runtime.
    fn may_be_in_proc(&self) -> bool {
        const LXCFS: [&str; 11] = [
            "cpuinfo",
            "diskstats",
            "loadavg",
            "meminfo",
            "net/dev",
            "slabinfo",
            "stat",
            "swaps",
            "sys/crypto/fips_enabled",
            "sys/kernel/ns_last_pid",
            "uptime",
        ];
        let name = self.target.strip_prefix("/proc").ok();
        name.is_some_and(|name| LXCFS.iter().any(|known| name == Path::new(known)))
    }

    fn with_hint(&self, refusal: Refusal) -> anyhow::Error {
        match refusal.errno {
            Errno::EPERM if self.is_new("proc") => anyhow!(
                "{refusal} (a new procfs needs a PID namespace of this user namespace, and a host \
                 whose own /proc has nothing mounted over parts of it, as it has in a container)"
            ),
            _ => refusal.into(),
        }
    }
}

fn refused(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.errno == Errno::EPERM)
}

/// Why a place on the host cannot be opened; begins with a space.
pub(crate) fn no_entry(errno: Errno) -> &'static str {
    match errno {
        Errno::EACCES => {
            " (outside, the container's root is an ordinary user, and some directory above does not let it through)"
        }
        _ => "",
    }
}
