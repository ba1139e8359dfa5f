//! A mount as data, and the one place where such data becomes a mount.
//!
//! Everything that a container has mounted is a [`MountPoint`]: the file systems that every
//! container gets, volumes, and what later layers add. Putting one in place is always the same
//! three acts: make a mount that is attached nowhere yet, resolve the target, attach.

use std::{
    ffi::OsString,
    fmt, fs,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::{
        stat::{Mode, SFlag, fstat},
        statfs::{PROC_SUPER_MAGIC, fstatfs},
    },
};
use step02::{Explain, sh};

use crate::{
    mount_api::{self, Attributes, Refusal},
    options,
    root::{Root, kind},
};

/// Something to be mounted in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPoint {
    /// What.
    pub source: Source,
    /// Where: an absolute path in the container.
    pub target: PathBuf,
    /// How: flags that hold for this mount whatever is mounted.
    pub attributes: Attributes,
    /// Options of the new file system itself, each `name` or `name=value`.
    pub data: Vec<String>,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A new, empty or virtual, file system.
    New {
        /// As in `/proc/filesystems`.
        fstype: String,
        /// The name that mountinfo shows for it; has no meaning to the virtual ones.
        name: String,
    },
    /// A file or directory of the host.
    Bind {
        /// Resolved on the host; a relative one from where the runtime was called.
        path: PathBuf,
        /// With all that is mounted below it. Within a user namespace it must be so: what was
        /// mounted over something must not come off.
        recursive: bool,
    },
}

impl MountPoint {
    /// A new file system of type `fstype`, with options as mount(8) knows them.
    pub fn new(fstype: &str, target: impl Into<PathBuf>, options: &str) -> Self {
        let source = Source::New { fstype: fstype.into(), name: fstype.into() };
        let mut point =
            Self { source, target: target.into(), attributes: Attributes::default(), data: vec![] };
        point.options(options);
        point
    }

    /// A file or directory of the host, with all that is mounted below it.
    pub fn bind(path: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        let source = Source::Bind { path: path.into(), recursive: true };
        Self { source, target: target.into(), attributes: Attributes::default(), data: vec![] }
    }

    /// The same under another name in mountinfo.
    pub fn named(mut self, new: &str) -> Self {
        if let Source::New { name, .. } = &mut self.source {
            *name = new.into();
        }
        self
    }

    /// Adds options separated by commas; a later one overrides an earlier one.
    pub fn options(&mut self, options: &str) {
        for option in options.split(',').filter(|option| !option.is_empty()) {
            if !options::apply(&mut self.attributes, option) {
                self.data.push(option.into());
            }
        }
    }

    /// Mounts it beneath `root`.
    pub fn mount(&self, root: &Root, explain: &Explain) -> Result<()> {
        match self.try_mount(root, explain) {
            Err(error) if self.is_new("sysfs") && refused(&error) => {
                explain
                    .say("# refused: sysfs shows a network namespace, and this one is the host's");
                self.instead_of_sysfs().try_mount(root, explain)
            }
            other => other,
        }
    }

    fn try_mount(&self, root: &Root, explain: &Explain) -> Result<()> {
        let doing = format!("mounting {self}");
        let source = self.open_source().with_context(|| doing.clone())?;
        let target = self.place(root, source.as_ref(), explain).with_context(|| doing.clone())?;
        explain.act(self.shell(root), doing, || {
            let mount = self.detached(source)?;
            mount_api::attach(mount, target).map_err(anyhow::Error::from)
        })?;
        if self.is_new("proc") { self.verify_proc(root) } else { Ok(()) }
    }

    /// The file or directory to bind.
    fn open_source(&self) -> Result<Option<OwnedFd>> {
        let Source::Bind { path, .. } = &self.source else { return Ok(None) };
        let fd = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
        fd.map(Some).map_err(|errno| match errno {
            Errno::ENOENT => anyhow!("{} does not exist on the host", path.display()),
            errno => errno.into(),
        })
    }

    /// The mount, attached nowhere yet.
    fn detached(&self, source: Option<OwnedFd>) -> Result<OwnedFd> {
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
            (Source::Bind { .. }, None) => unreachable!("opened by try_mount"),
        }
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
        self.check(root, &place, directory)?;
        Ok(place)
    }

    fn make_place(&self, root: &Root, directory: bool, explain: &Explain) -> Result<OwnedFd> {
        let shown = root.shown(&self.target);
        let made = if directory {
            explain.say(sh(["mkdir".as_ref(), "-p".as_ref(), shown.as_os_str()]));
            root.make_dir(&self.target)
        } else {
            explain.say(sh(["touch".as_ref(), shown.as_os_str()]));
            root.make_file(&self.target)
        };
        made.map_err(|errno| match errno {
            Errno::EROFS => {
                anyhow!("it does not exist in the rootfs, which is read-only: {errno}")
            }
            errno => anyhow!("making the mount point: {errno}"),
        })
    }

    /// What must not be mounted over, and what cannot.
    fn check(&self, root: &Root, place: &OwnedFd, directory: bool) -> Result<()> {
        match (directory, kind(&fstat(place)?) == SFlag::S_IFDIR) {
            (true, false) => bail!("a directory cannot be mounted on a file"),
            (false, true) => bail!("a file cannot be mounted on a directory"),
            _ => {}
        }
        if root.is(place)? {
            bail!("the root itself cannot be mounted over");
        }
        let in_proc = fstatfs(place)?.filesystem_type() == PROC_SUPER_MAGIC;
        if in_proc && !self.is_new("proc") && !self.may_be_in_proc() {
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

    /// Files of procfs that tell about the machine and that lxcfs gives containers a better
    /// version of. What else is in there steers the kernel, or the runtime.
    fn may_be_in_proc(&self) -> bool {
        const LXCFS: [&str; 8] =
            ["cpuinfo", "diskstats", "loadavg", "meminfo", "slabinfo", "stat", "swaps", "uptime"];
        let name = self.target.strip_prefix("/proc").ok();
        name.is_some_and(|name| LXCFS.iter().any(|known| name == Path::new(known)))
    }

    fn is_new(&self, wanted: &str) -> bool {
        matches!(&self.source, Source::New { fstype, .. } if fstype == wanted)
    }

    /// The group of terminals is 5 by custom. In a user namespace that has no group 5, terminals
    /// keep their creator's group.
    fn data_for_this_user_namespace(&self) -> Vec<String> {
        let unusable =
            |option: &str| self.is_new("devpts") && option == "gid=5" && !gid_is_mapped(5);
        self.data.iter().filter(|option| !unusable(option)).cloned().collect()
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

    /// The command that does the same.
    fn shell(&self, root: &Root) -> String {
        let (target, options) = (root.shown(&self.target), self.shown_options());
        let mut words: Vec<OsString> = root.mount_command();
        match &self.source {
            Source::New { fstype, name } => {
                words.extend(["-t".into(), fstype.into()]);
                if !options.is_empty() {
                    words.extend(["-o".into(), options.into()]);
                }
                words.extend([name.into(), target.into()]);
                sh(words)
            }
            Source::Bind { path, recursive } => {
                let how = if *recursive { "--rbind" } else { "--bind" };
                words.extend([how.into(), path.into(), target.clone().into()]);
                let bind = sh(words);
                if options.is_empty() {
                    return bind;
                }
                let mut words = root.mount_command();
                words.extend([
                    "-o".into(),
                    format!("remount,bind,{options}").into(),
                    target.into(),
                ]);
                let below = if self.attributes.recursive { "  # and all below" } else { "" };
                format!("{bind} && {}{below}", sh(words))
            }
        }
    }

    fn shown_options(&self) -> String {
        let mut words = options::names(&self.attributes);
        words.extend(self.data_for_this_user_namespace());
        words.join(",")
    }
}

/// As in "mounting proc on /proc".
impl fmt::Display for MountPoint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.source {
            Source::New { fstype, .. } => write!(f, "{fstype}")?,
            Source::Bind { path, .. } => write!(f, "{}", path.display())?,
        }
        write!(f, " on {}", self.target.display())
    }
}

fn refused(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.errno == Errno::EPERM)
}

/// Whether a group with this number exists here. See user_namespaces(7).
fn gid_is_mapped(gid: u32) -> bool {
    let maps = fs::read_to_string("/proc/self/gid_map").unwrap_or_default();
    maps.lines().any(|line| {
        let mut numbers = line.split_whitespace().filter_map(|number| number.parse::<u32>().ok());
        let (first, _, count) = (numbers.next(), numbers.next(), numbers.next());
        let offset = first.and_then(|first| gid.checked_sub(first));
        offset.zip(count).is_some_and(|(offset, count)| offset < count)
    })
}
