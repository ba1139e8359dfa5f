//! The run directory: what tells a container that runs from one whose runtime was killed.
//!
//! Namespaces and the mounts in them die with their last process, so the first three steps leave
//! nothing on the host whatever happens. From this step on a container also has things that the
//! kernel does not tie to a process: an address from the pool, firewall rules, later a cgroup and
//! a directory of changed files. Each carries the container's id. The runtime holds a lock on a
//! directory of that name as long as it lives, and the kernel drops the lock when it dies, even by
//! SIGKILL; so whoever finds a thing whose id is not [`alive`] may clear it away. See flock(2).

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{ErrorKind, Read},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    unistd::geteuid,
};
use step03::{Explain, Layer, sh};

/// The bottom layer: a directory of the container's own, locked while its runtime lives.
pub struct RunDir {
    id: String,
    path: PathBuf,
    lock: Option<Flock<File>>,
}

impl RunDir {
    /// With an id of 12 random hexadecimal digits.
    pub fn new() -> Result<Self> {
        let mut bytes = [0; 6];
        let mut random = File::open("/dev/urandom").context("opening /dev/urandom")?;
        random.read_exact(&mut bytes).context("reading /dev/urandom")?;
        let id = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self::with_id(id)
    }

    /// With an id that the caller has chosen: letters, digits, `_`, `.` and `-`, and no `.` first.
    pub fn with_id(id: String) -> Result<Self> {
        let good = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if id.is_empty() || id.len() > 64 || id.starts_with('.') || !id.chars().all(good) {
            bail!("rundir: bad container id {id:?}: expected 1 to 64 of A-Z a-z 0-9 _ . -");
        }
        let path = base().join(&id);
        Ok(Self { id, path, lock: None })
    }

    /// The container's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where the container's files may be kept while it runs. It has mode 0711, as the root of a
    /// container with a user namespace, who is another user on the host, goes through it: what is
    /// put here protects itself by its own mode.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Layer for RunDir {
    fn name(&self) -> &'static str {
        "rundir"
    }

    fn recover(&mut self, _explain: &Explain) -> Result<()> {
        if base().exists() {
            let _base = lock_base()?;
            clear_abandoned();
            let _ = fs::remove_dir(base()); // which fails unless all are gone
        }
        Ok(())
    }

    fn prepare(&mut self, explain: &Explain) -> Result<()> {
        // While this is held, nobody takes the new directory, not yet locked, for an abandoned one.
        let _base = lock_base()?;
        if self.path.exists() {
            bail!("there is a container with the id {} already", self.id);
        }
        explain.act(
            sh(["mkdir".as_ref(), "-p".as_ref(), "--mode=711".as_ref(), self.path.as_os_str()]),
            format_args!("making the run directory {}", self.path.display()),
            || make_dir(&self.path),
        )?;
        let lock = lock(&self.path, FlockArg::LockExclusive);
        self.lock = Some(lock.context("locking the run directory")?);
        Ok(())
    }

    fn release(&mut self, explain: &Explain) -> Result<()> {
        if self.lock.is_some() {
            let _base = lock_base()?;
            explain.act(
                sh(["rm".as_ref(), "-r".as_ref(), self.path.as_os_str()]),
                format_args!("removing the run directory {}", self.path.display()),
                || fs::remove_dir_all(&self.path),
            )?;
            self.lock = None;
            if fs::remove_dir(base()).is_ok() {
                explain.say(sh(["rmdir".as_ref(), base().as_os_str()])); // this was the last
            }
        }
        Ok(())
    }
}

/// Whether the runtime of the container with this id still lives.
pub fn alive(id: &str) -> bool {
    let free = lock(&base().join(id), FlockArg::LockSharedNonblock);
    !id.is_empty() && matches!(free, Err(Errno::EWOULDBLOCK))
}

/// Where run directories are: `/run/layers` for one who may write there; otherwise below
/// `$XDG_RUNTIME_DIR`, or below `/tmp`.
pub fn base() -> PathBuf {
    let writable = |dir: &str| nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK).is_ok();
    if geteuid().is_root() && (writable("/run/layers") || writable("/run")) {
        return "/run/layers".into();
    }
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(dir) if Path::new(&dir).is_dir() => Path::new(&dir).join("layers"),
        _ => format!("/tmp/layers-{}", geteuid()).into(),
    }
}

/// Makes the directory of run directories. One in `/tmp` must not be another user's trap.
fn make_base() -> Result<()> {
    let base = base();
    match make_dir(&base) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("making {}", base.display()));
        }
        _ => {}
    }
    let meta = match base.symlink_metadata() {
        // The last container has removed it in this very moment: whoever locks it will find out.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        meta => meta.with_context(|| format!("looking at {}", base.display()))?,
    };
    if !meta.is_dir() || meta.uid() != geteuid().as_raw() {
        bail!("{} is not a directory of user {}", base.display(), geteuid());
    }
    Ok(())
}

/// Makes the directory of run directories if it is not there, and locks it for this process.
pub(crate) fn lock_base() -> Result<Flock<File>> {
    loop {
        make_base()?;
        let found =
            |dir: &File| Some((dir.metadata().ok()?.ino(), fs::metadata(base()).ok()?.ino()));
        match lock(&base(), FlockArg::LockExclusive) {
            Ok(dir) if found(&dir).is_some_and(|(locked, there)| locked == there) => {
                return Ok(dir);
            }
            // The last container has removed it, before or while this process waited.
            Ok(_) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno).context("locking the run directories"),
        }
    }
}

/// Others may go through it to a name that they know, and see or change nothing. The mode does not
/// depend on the umask.
fn make_dir(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    match fs::set_permissions(path, Permissions::from_mode(0o711)) {
        // The last container has removed it in this very moment: whoever locks it will find out.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Removes the directories of runtimes that were killed. Names that begin with a dot are no ids:
/// layers keep there what several containers share.
fn clear_abandoned() {
    let entries = fs::read_dir(base()).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| !entry.file_name().as_bytes().starts_with(b".")) {
        // Holding the lock, nobody else clears it at the same time. A directory that cannot be
        // removed now is the next run's to try again.
        if let Ok(_lock) = lock(&entry.path(), FlockArg::LockExclusiveNonblock) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn lock(dir: &Path, how: FlockArg) -> nix::Result<Flock<File>> {
    let errno = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    Flock::lock(File::open(dir).map_err(errno)?, how).map_err(|(_, errno)| errno)
}
