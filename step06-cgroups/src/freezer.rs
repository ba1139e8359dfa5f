//! The freezer: a group whose processes stand still until they are let go on.
//!
//! | | v1 | v2 |
//! | --- | --- | --- |
//! | wanted | `FROZEN` or `THAWED` written to `freezer.state` | `1` or `0` in `cgroup.freeze` |
//! | how it is | `freezer.state`, which on the way is `FREEZING` | `frozen` in `cgroup.events` |
//! | a group above stands still | `freezer.parent_freezing` | `cgroup.freeze` of those above |
//! | SIGKILL | takes effect when the group goes on | takes effect at once |
//!
//! A process stands still where it would look for signals, which it does when it is next on its way
//! out of the kernel. One that waits in there for something that does not come (state D) cannot be
//! frozen, and v1 does not try for ever: it has to be asked again. A group that is half frozen helps
//! nobody, so after a while it is let go on. See the kernel's
//! admin-guide/cgroup-v1/freezer-subsystem, and admin-guide/cgroup-v2 ("cgroup.freeze").

use std::{
    fs,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::unistd::Pid;
use step05::Explain;

use crate::{
    Controller, Files, Group, Version,
    directory::{names, processes},
};

/// How long a group may take to stand still, or to go on.
const PATIENCE: Duration = Duration::from_secs(5);

/// The controller. Of a new container nothing is asked.
#[derive(Clone, Debug, Default)]
pub struct Freezer;

impl Controller for Freezer {
    fn name(&self) -> &'static str {
        "freezer"
    }

    fn listed(&self) -> bool {
        false
    }
}

/// How it is with the processes of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Thawed,
    /// Asked to stand still, but not all do.
    Freezing,
    Frozen,
}

impl Group {
    /// Has everyone in it stand still, and waits until they do. If they do not, they all go on.
    pub fn freeze(&self, explain: &Explain) -> Result<()> {
        let files = self.files(&Freezer).filter(|files| files.has(file(files.version)));
        let files = files.context(
            "it is in no group of its own that can be frozen: a group with the freezer controller of \
             v1, or one of v2 since Linux 5.2, has to be delegated to the caller (systemd delegates \
             one by: systemd-run --user --scope -p Delegate=yes)",
        )?;
        freeze(explain, files, PATIENCE)
    }

    /// Lets everyone in it go on, and waits until they do. One that does not stand still is left
    /// alone.
    pub fn thaw(&self, explain: &Explain) -> Result<()> {
        self.all_files().try_for_each(|files| match state(files)? {
            State::Thawed => Ok(()),
            State::Freezing | State::Frozen => thaw(explain, files, PATIENCE),
        })
    }

    /// Whether it stands still, or was asked to.
    pub fn is_frozen(&self) -> Result<bool> {
        for files in self.all_files() {
            if state(files)? != State::Thawed {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The file in which it is written what is wanted.
fn file(version: Version) -> &'static str {
    match version {
        Version::V1 => "freezer.state",
        Version::V2 => "cgroup.freeze",
    }
}

/// One in a hierarchy that has no freezer goes on.
fn state(files: &Files) -> Result<State> {
    let wanted = files.read(file(files.version))?.unwrap_or_default();
    Ok(match (files.version, wanted.trim()) {
        (Version::V1, "FROZEN") => State::Frozen,
        (Version::V1, "FREEZING") => State::Freezing,
        (Version::V2, _) if files.keyed("cgroup.events", "frozen")? == Some(1) => State::Frozen,
        (Version::V2, "1") => State::Freezing,
        _ => State::Thawed,
    })
}

fn freeze(explain: &Explain, files: &Files, patience: Duration) -> Result<()> {
    let deadline = Instant::now() + patience;
    let ask = |explain: &Explain| match files.version {
        Version::V1 => files.write(explain, file(files.version), "FROZEN"),
        Version::V2 => files.write(explain, file(files.version), 1),
    };
    ask(explain)?;
    while state(files)? != State::Frozen {
        if Instant::now() > deadline {
            thaw(explain, files, patience)?;
            let (dir, who) = (files.dir.display(), waiting(&files.dir));
            bail!("freezing the group {dir}: {who} does not stand still; all of it goes on");
        }
        sleep(Duration::from_millis(1));
        if files.version == Version::V1 {
            ask(&Explain::new(false))?; // again: it makes the kernel try again
        }
    }
    Ok(())
}

fn thaw(explain: &Explain, files: &Files, patience: Duration) -> Result<()> {
    let deadline = Instant::now() + patience;
    write_thawed(explain, files)?;
    while state(files)? != State::Thawed {
        if Instant::now() > deadline {
            let dir = files.dir.display();
            bail!("letting the group {dir} go on: it stands still, or one above it was frozen");
        }
        sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn write_thawed(explain: &Explain, files: &Files) -> Result<()> {
    // ANCHOR: exercise-6-5
    match files.version {
        Version::V1 => files.write(explain, file(files.version), "THAWED"),
        Version::V2 => files.write(explain, file(files.version), 0),
    }
    // ANCHOR_END: exercise-6-5
}

/// Lets processes go on that have been killed, so that they die of it.
pub(crate) fn let_die(explain: &Explain, files: &Files) {
    if state(files).is_ok_and(|state| state != State::Thawed) {
        let _ = write_thawed(explain, files); // it may be gone by now
    }
}

/// Who waits in the kernel, of those that go on. Everyone does for a moment now and then, and nobody
/// does in the moment after they were let go on: so it takes several looks.
fn waiting(dir: &Path) -> String {
    let all = processes(dir);
    for _ in 0..10 {
        let mut waiting = all.clone();
        for _ in 0..5 {
            sleep(Duration::from_millis(10));
            waiting.retain(|pid| is_waiting(*pid));
        }
        if !waiting.is_empty() {
            return format!("{}, waiting in the kernel,", names(&waiting));
        }
    }
    "somebody in it".into()
}

/// Field 3 of proc_pid_stat(5). The second is a name in parentheses, which may hold anything.
fn is_waiting(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('D'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        Version::{V1, V2},
        files::fake::Fake,
    };

    #[rstest]
    #[case(V1, &[("freezer.state", "THAWED\n")], State::Thawed)]
    #[case(V1, &[("freezer.state", "FREEZING\n")], State::Freezing)]
    #[case(V1, &[("freezer.state", "FROZEN\n")], State::Frozen)]
    #[case(V1, &[("memory.limit_in_bytes", "0\n")], State::Thawed)]
    #[case(V2, &[("cgroup.freeze", "0\n"), ("cgroup.events", "frozen 0\n")], State::Thawed)]
    #[case(V2, &[("cgroup.freeze", "1\n"), ("cgroup.events", "frozen 0\n")], State::Freezing)]
    #[case(V2, &[("cgroup.freeze", "1\n"), ("cgroup.events", "frozen 1\n")], State::Frozen)]
    // By way of a group above.
    #[case(V2, &[("cgroup.freeze", "0\n"), ("cgroup.events", "frozen 1\n")], State::Frozen)]
    // Of a kernel before 5.2.
    #[case(V2, &[("cgroup.events", "populated 1\n")], State::Thawed)]
    fn states(#[case] version: Version, #[case] files: &[(&str, &str)], #[case] expected: State) {
        assert_eq!(state(&Fake::new(version, files).0).expect("reading"), expected);
    }
}
