//! A container's group: a directory of the same name in every hierarchy.
//!
//! mkdir(2) makes a group, writing `0` to a file in it joins it, rmdir(2) removes it. The kernel
//! does not tie a group to the processes for which it was made: it stays when they are gone. So the
//! runtime holds a lock on the directory as long as it lives (flock(2)), and one who finds a group
//! that nobody holds, of a container whose runtime is not [`alive`], removes it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    fcntl::{Flock, FlockArg},
    unistd::Pid,
};
use step05::{Explain, alive, clone::pidfd_open, sh, signals::send};

use crate::{Controller, Files, GroupPath, Hierarchy, Version, enable, files::echo};

/// How long a process that has been killed may take to leave its group.
const PATIENCE: Duration = Duration::from_secs(2);

/// The group of one container, in every hierarchy that it is in.
#[derive(Default)]
pub struct Group {
    trees: Vec<Tree>,
}

/// The group in one hierarchy.
struct Tree {
    hierarchy: Hierarchy,
    files: Files,
    /// Those between `top` and it, the highest first.
    above: Vec<PathBuf>,
    /// Says that it is in use; also what a child of v2 is born into.
    lock: Option<Flock<File>>,
}

impl Group {
    /// Makes the group `parent`/`id` in one more hierarchy, below `top`, with every one of
    /// `controllers` that lives there at work in it.
    pub fn add(
        &mut self,
        explain: &Explain,
        hierarchy: Hierarchy,
        top: &Path,
        path: &GroupPath,
        id: &str,
        controllers: &[Box<dyn Controller>],
    ) -> Result<()> {
        let above = path.below(top);
        let files = Files { version: hierarchy.version, dir: path.of(top, id) };
        let mut tree = Tree { hierarchy, files, above, lock: None };
        tree.make(explain)?;
        self.trees.push(tree);
        let tree = self.trees.last().expect("just pushed");

        // Now that it is there, the groups above it are not empty, and nobody removes them.
        let here = || controllers.iter().filter(|one| tree.hierarchy.has(one.name()));
        if tree.hierarchy.version == Version::V2 {
            for dir in std::iter::once(top).chain(tree.above.iter().map(PathBuf::as_path)) {
                enable::enable(explain, dir, here().map(Box::as_ref))?;
            }
        }
        for dir in tree.above.iter().chain([&tree.files.dir]) {
            let files = Files { version: tree.files.version, dir: dir.clone() };
            here().try_for_each(|one| one.furnish(explain, &files))?;
        }
        Ok(())
    }

    /// The files of the hierarchy in which `controller` works, if it is in one.
    ///
    /// A controller that v2 has without listing it works in v2 unless v1 has it.
    pub fn files(&self, controller: &dyn Controller) -> Option<&Files> {
        let listed = self.trees.iter().find(|tree| tree.hierarchy.has(controller.name()));
        let v2 = || self.trees.iter().find(|tree| tree.files.version == Version::V2);
        let tree = listed.or_else(|| v2().filter(|_| !controller.listed()))?;
        Some(&tree.files)
    }

    /// Opens what a process needs to join the group. To be done on the host: whether one may join
    /// is asked of who opened the file, not of who writes to it.
    pub fn doors(&self) -> Result<Vec<Door>> {
        self.trees.iter().map(|tree| Door::open(&tree.files)).collect()
    }

    /// The directory in v2, for a child to be born in.
    pub fn nursery(&self) -> Option<BorrowedFd<'_>> {
        let v2 = self.trees.iter().find(|tree| tree.files.version == Version::V2)?;
        v2.lock.as_ref().map(|lock| lock.as_fd())
    }

    /// Who is in it, as this process numbers them.
    pub fn processes(&self) -> Vec<Pid> {
        let mut all: Vec<_> =
            self.trees.iter().flat_map(|tree| processes(&tree.files.dir)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Kills everyone in it, and waits until they have left.
    pub fn kill(&self, explain: &Explain) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let at_once = self.trees.iter().find(|tree| tree.files.has("cgroup.kill"));
        loop {
            match at_once {
                Some(tree) => tree.files.write(explain, "cgroup.kill", 1)?,
                None => self.kill_one_by_one(),
            }
            let left = self.processes();
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("killing what is in the group: {} will not die", names(&left));
            }
            sleep(Duration::from_millis(1));
        }
    }

    /// Where the kernel has no `cgroup.kill`. Those who are born meanwhile are for the next round.
    fn kill_one_by_one(&self) {
        let open = |pid| pidfd_open(pid).map(|fd| (pid, fd));
        let found: Vec<_> = self.processes().into_iter().flat_map(open).collect();
        // A number may by now be another process's; one that is still in the group is not.
        let still = self.processes();
        for (_, fd) in found.iter().filter(|(pid, _)| still.contains(pid)) {
            let _ = send(fd.as_fd(), libc::SIGKILL); // it may have ended by now
        }
    }

    /// Removes it everywhere, and the groups above that were made for it if they are empty. What
    /// cannot be removed stays in `self`.
    pub fn remove(&mut self, explain: &Explain) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut result = Ok(());
        self.trees.retain(|tree| {
            let removed = tree.remove(explain, deadline);
            let gone = removed.is_ok();
            if let (Ok(()), Err(error)) = (&result, removed) {
                result = Err(error);
            }
            !gone
        });
        result
    }
}

impl Tree {
    fn make(&mut self, explain: &Explain) -> Result<()> {
        // The last container in a group above removes it, which may be at any moment.
        for _ in 0..100 {
            match self.try_make(explain) {
                Err(error) if is_gone(&error) => {}
                made => {
                    return made.map_err(|error| match processes(&self.files.dir) {
                        holders if holders.is_empty() => error,
                        holders => error.context(format!("in use by {}", names(&holders))),
                    });
                }
            }
        }
        bail!("making the group {}: somebody keeps removing it", self.files.dir.display())
    }

    fn try_make(&mut self, explain: &Explain) -> Result<()> {
        for dir in self.above.iter().filter(|dir| !dir.exists()) {
            match make_dir(explain, dir) {
                Err(_) if dir.exists() => {} // another was faster
                made => made?,
            }
        }
        make_dir(explain, &self.files.dir)?;
        let dir = File::open(&self.files.dir)?;
        let inode = dir.metadata()?.ino();
        self.lock = Some(lock(dir)?);
        // Whoever cleared it away before it was locked took it for an abandoned one.
        match self.files.dir.metadata()?.ino() == inode {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(libc::ENOENT).into()),
        }
    }

    fn remove(&self, explain: &Explain, deadline: Instant) -> Result<()> {
        let dir = &self.files.dir;
        let removed = explain.act(
            sh(["rmdir".as_ref(), dir.as_os_str()]),
            format_args!("removing the group {}", dir.display()),
            || remove(dir, deadline),
        );
        removed.map_err(|error| match processes(dir) {
            holders if holders.is_empty() => error,
            holders => error.context(format!("still in use by {}", names(&holders))),
        })?;
        remove_empty(explain, &self.above);
        Ok(())
    }
}

/// Removes the groups on the way to a container's that this program has made, from the last one up,
/// as far as they are empty.
fn remove_empty(explain: &Explain, above: &[PathBuf]) {
    for dir in above.iter().rev() {
        if is_ours(dir) && fs::remove_dir(dir).is_ok() {
            explain.say(sh(["rmdir".as_ref(), dir.as_os_str()]));
        }
    }
}

/// Removes what killed runtimes left in the group at `path`, and a group of the
/// name `id`, which is about to be made. What processes still hold is left to a later run.
pub fn clear_abandoned(explain: &Explain, top: &Path, path: &GroupPath, id: &str) {
    let deadline = Instant::now() + PATIENCE / 10;
    for entry in fs::read_dir(path.of(top, "")).into_iter().flatten().flatten() {
        let (name, dir) = (entry.file_name(), entry.path());
        let dead = name.to_str().is_some_and(|name| name == id || !alive(name));
        if dead
            && is_ours(&dir)
            && let Ok(_lock) = File::open(&dir).and_then(lock)
        {
            let _ = remove(&dir, deadline);
        }
    }
    remove_empty(explain, &path.below(top));
}

/// The mode of the groups that this program makes. The sticky bit, which means nothing to cgroups,
/// says that it made them, and may remove them when they are empty. One that somebody else has made
/// is theirs, and perhaps they have set a limit on it.
const MODE: u32 = 0o1755;

fn make_dir(explain: &Explain, dir: &Path) -> Result<()> {
    let words = ["mkdir".into(), format!("--mode={MODE:o}").into(), dir.as_os_str().to_owned()];
    explain.act(sh(words), format_args!("making the group {}", dir.display()), || {
        DirBuilder::new().mode(MODE).create(dir)
    })
}

fn is_ours(dir: &Path) -> bool {
    const STICKY: u32 = 0o1000;
    dir.symlink_metadata().is_ok_and(|meta| meta.is_dir() && meta.mode() & STICKY != 0)
}

/// Whether a group was removed by others while it was looked at (ENOENT), or in that very moment
/// (ENODEV).
fn is_gone(error: &anyhow::Error) -> bool {
    let code = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    matches!(code, Some(libc::ENOENT | libc::ENODEV))
}

/// A file through which a process joins a group.
pub struct Door {
    version: Version,
    path: PathBuf,
    file: File,
}

impl Door {
    /// In v1 the file that moves one thread, which the runtime's child is: the one that moves a
    /// whole process (`cgroup.procs`) makes the kernel wait for all CPUs, some milliseconds.
    fn open(files: &Files) -> Result<Self> {
        let path = files.path(match files.version {
            Version::V1 => "tasks",
            Version::V2 => "cgroup.procs",
        });
        let file = OpenOptions::new().write(true).open(&path);
        let file = file.with_context(|| format!("opening {}", path.display()))?;
        Ok(Self { version: files.version, path, file })
    }

    /// This process joins the group, if it was not born in it.
    pub fn enter(&mut self, explain: &Explain) -> Result<()> {
        let shell = echo("0", &self.path);
        if self.version == Version::V2 && self.is_inside() {
            explain.say(format_args!("{shell}  # clone3 has done it"));
            return Ok(());
        }
        let doing = format!("joining the group of {}", self.path.display());
        explain.act(shell, doing, || self.file.write_all(b"0"))
    }

    fn is_inside(&self) -> bool {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let own = groups.lines().find_map(|line| line.strip_prefix("0::"));
        let last_two = |path: &Path| {
            let mut names = path.components().rev().map(|name| name.as_os_str().to_owned());
            (names.next(), names.next())
        };
        let group = self.path.parent().map(last_two);
        own.is_some_and(|own| Some(last_two(Path::new(own))) == group)
    }
}

/// Removes a group and what groups its processes may have made in it, as soon as the last process
/// has left it.
fn remove(dir: &Path, deadline: Instant) -> io::Result<()> {
    loop {
        match fs::remove_dir(dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                for below in fs::read_dir(dir)?.flatten() {
                    if below.file_type()?.is_dir() {
                        remove(&below.path(), deadline)?;
                    }
                }
                if Instant::now() > deadline {
                    return Err(error);
                }
                sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
}

/// Takes the lock that says that a group is in use.
fn lock(dir: File) -> io::Result<Flock<File>> {
    Flock::lock(dir, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno.into())
}

/// The processes of a group, and of groups below it.
fn processes(dir: &Path) -> Vec<Pid> {
    let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    // One that this process's PID namespace does not show is listed as 0.
    let numbers = text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != 0);
    let mut all: Vec<_> = numbers.map(Pid::from_raw).collect();
    for below in fs::read_dir(dir).into_iter().flatten().flatten() {
        if below.file_type().is_ok_and(|kind| kind.is_dir()) {
            all.extend(processes(&below.path()));
        }
    }
    all
}

/// Processes by number and name, for a person.
fn names(pids: &[Pid]) -> String {
    let name = |pid: &Pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        format!("process {pid} ({})", name.trim())
    };
    pids.iter().map(name).collect::<Vec<_>>().join(", ")
}
