//! The directory of a group: who made it, who is using it, who is in it, and how it goes.
//!
//! Two things say whose a directory is. Its mode tells the groups that this program made from
//! others in the same place. And the runtime holds a lock on it as long as it lives (flock(2)): one
//! who finds a group that nobody holds, of a container whose runtime is not [`alive`], removes it.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::Result;
use nix::{
    fcntl::{Flock, FlockArg},
    unistd::Pid,
};
use step05::{Explain, alive, lazy, sh};

use crate::{Files, GroupPath, Version, freezer};

/// The mode of the groups that this program makes. The sticky bit, which means nothing to cgroups,
/// says that it made them, and may remove them when they are empty. One that somebody else has made
/// is theirs, and perhaps they have set a limit on it.
const MODE: u32 = 0o1755;

/// mkdir(2).
pub fn make(explain: &Explain, dir: &Path) -> Result<()> {
    let shell = lazy(|| {
        let mode = format!("--mode={MODE:o}");
        sh(["mkdir".as_ref(), mode.as_ref(), dir.as_os_str()])
    });
    let made = explain.act(shell, format_args!("making the group {}", dir.display()), || {
        DirBuilder::new().mode(MODE).create(dir)
    });
    let full = "a group above may have no more in it (cgroup.max.descendants, cgroup.max.depth)";
    made.map_err(|error| match os_error(&error) {
        Some(libc::EAGAIN) => error.context(full),
        _ => error,
    })
}

fn os_error(error: &anyhow::Error) -> Option<i32> {
    error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error)
}

fn is_ours(dir: &Path) -> bool {
    const STICKY: u32 = 0o1000;
    dir.symlink_metadata().is_ok_and(|meta| meta.is_dir() && meta.mode() & STICKY != 0)
}

/// Takes the lock that says that a group is in use.
pub fn lock(dir: File, how: FlockArg) -> io::Result<Flock<File>> {
    Flock::lock(dir, how).map_err(|(_, errno)| errno.into())
}

/// Whether a group was removed by others while it was looked at (ENOENT), or in that very moment
/// (ENODEV).
pub fn is_gone(error: &anyhow::Error) -> bool {
    matches!(os_error(error), Some(libc::ENOENT | libc::ENODEV))
}

/// Removes a group and what groups its processes may have made in it, as soon as the last process
/// has left it.
pub fn remove(dir: &Path, deadline: Instant) -> io::Result<()> {
    // ANCHOR: exercise-6-12
    loop {
        match fs::remove_dir(dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                for below in groups_in(dir) {
                    remove(&below, deadline)?;
                }
                if Instant::now() > deadline {
                    return Err(error);
                }
                sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
    // ANCHOR_END: exercise-6-12
}

/// Removes the groups on the way to a container's that this program has made, from the last one up,
/// as far as they are empty.
pub fn remove_empty(explain: &Explain, above: &[PathBuf]) {
    for dir in above.iter().rev() {
        if is_ours(dir) && fs::remove_dir(dir).is_ok() {
            explain.say(sh(["rmdir".as_ref(), dir.as_os_str()]));
        }
    }
}

/// The groups that killed runtimes left in the group at `path`, and one of the name `id`, which is
/// about to be made; each with the lock that nobody else holds.
fn abandoned(
    top: &Path,
    path: &GroupPath,
    id: &str,
) -> impl Iterator<Item = (PathBuf, Flock<File>)> {
    let entries = fs::read_dir(path.of(top, "")).into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let (name, dir) = (entry.file_name(), entry.path());
        let dead = name.to_str().is_some_and(|name| name == id || !alive(name));
        let open = || File::open(&dir).and_then(|dir| lock(dir, FlockArg::LockExclusiveNonblock));
        let lock = (dead && is_ours(&dir)).then(open)?.ok()?;
        Some((dir, lock))
    })
}

/// Lets go on what killed runtimes left frozen. It was killed with them, and now dies of it.
pub fn thaw_abandoned(explain: &Explain, version: Version, top: &Path, path: &GroupPath, id: &str) {
    for (dir, _lock) in abandoned(top, path, id) {
        freezer::let_die(explain, &Files { version, dir });
    }
}

/// Removes what killed runtimes left. What processes still hold is left to a later run.
pub fn clear_abandoned(
    explain: &Explain,
    top: &Path,
    path: &GroupPath,
    id: &str,
    deadline: Instant,
) {
    for (dir, _lock) in abandoned(top, path, id) {
        let _ = remove(&dir, deadline);
    }
    remove_empty(explain, &path.below(top));
}

/// The processes of a group, and of groups below it.
pub fn processes(dir: &Path) -> Vec<Pid> {
    let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    // One that this process's PID namespace does not show is listed as 0.
    let numbers = text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != 0);
    let mut all: Vec<_> = numbers.map(Pid::from_raw).collect();
    all.extend(groups_in(dir).flat_map(|below| processes(&below)));
    all
}

/// Who is in a group, for a person; `None` if nobody is.
pub fn holders(dir: &Path) -> Option<String> {
    match &processes(dir)[..] {
        [] if is_empty(dir) => None,
        [] => Some("a process that this PID namespace does not show".into()),
        some => Some(names(some)),
    }
}

fn is_empty(dir: &Path) -> bool {
    let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    text.is_empty() && groups_in(dir).all(|below| is_empty(&below))
}

/// Processes by number and name, for a person.
pub fn names(pids: &[Pid]) -> String {
    let name = |pid: &Pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        format!("process {pid} ({})", name.trim())
    };
    pids.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn groups_in(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let groups = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    groups.map(|entry| entry.path())
}
