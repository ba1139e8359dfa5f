//! What a program has left behind: everything that outlives it and should not.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::Sandbox;

/// What there is in a sandbox at one moment, one line for each thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traces(BTreeSet<String>);

impl Traces {
    /// Looks around.
    pub fn of(sandbox: &Sandbox) -> Result<Self> {
        let mut all = BTreeSet::new();
        all.extend(sandbox.look()?);
        all.extend(mounts(&sandbox.proc("mountinfo")?));
        all.extend(interfaces(&sandbox.proc("net/dev")?));
        all.extend(routes(&sandbox.proc("net/route")?));
        all.extend(files(&sandbox.root().join("run"), &sandbox.root()));
        for name in ["tmp", "home", "runtime"] {
            all.extend(files(&sandbox.dir().join(name), Path::new("/")));
        }
        all.extend(cgroups(&sandbox.cgroup_parent()));
        all.extend(loop_devices(sandbox.dir()));
        Ok(Self(all))
    }

    /// What is here and was not there before.
    pub fn beyond(&self, before: &Self) -> Vec<String> {
        self.0.difference(&before.0).cloned().collect()
    }
}

/// See proc_pid_mountinfo(5): what is mounted where, and as which kind of file system.
fn mounts(mountinfo: &str) -> impl Iterator<Item = String> {
    mountinfo.lines().filter_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mount: Vec<_> = mount.split(' ').collect();
        let kind = filesystem.split(' ').next()?;
        // The number tells a second mount at the same place from the first.
        Some(format!("mount {} of {} {} on {}", mount.first()?, kind, mount.get(3)?, mount.get(4)?))
    })
}

fn interfaces(dev: &str) -> impl Iterator<Item = String> {
    let names = dev.lines().filter_map(|line| line.split_once(':'));
    names.map(|(name, _)| format!("interface {}", name.trim()))
}

fn routes(route: &str) -> impl Iterator<Item = String> {
    route.lines().skip(1).map(|line| {
        format!("route {}", line.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
    })
}

/// Everything below a directory, named as it is seen from `root`.
fn files(dir: &Path, root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let inside = path.strip_prefix(root).unwrap_or(&path);
        found.push(format!("file /{}", inside.display()));
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files(&path, root));
        }
    }
    found
}

/// Groups of this name, or of one that begins with it and goes on with `-`, in every hierarchy that is
/// mounted. See cgroups(7).
fn cgroups(parent: &str) -> Vec<String> {
    cgroup_dirs(parent).iter().map(|dir| format!("cgroup {}", dir.display())).collect()
}

fn cgroup_dirs(parent: &str) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let hierarchies = mounts.lines().filter_map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        matches!(words.get(2), Some(&"cgroup" | &"cgroup2")).then(|| words[1].to_string())
    });
    let entries = hierarchies.flat_map(|dir| fs::read_dir(dir).into_iter().flatten().flatten());
    let own = |name: &str| {
        name.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    entries.filter(|one| one.file_name().to_str().is_some_and(own)).map(|one| one.path()).collect()
}

/// Removes the groups of this name with all below them; what runs in them is killed.
pub(crate) fn remove_cgroups(parent: &str) {
    for dir in cgroup_dirs(parent) {
        remove_group(&dir);
    }
}

fn remove_group(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    // A process that was killed may be leaving still.
    let busy = |error: &io::Error| error.kind() == io::ErrorKind::ResourceBusy;
    let end = Instant::now() + Duration::from_secs(1);
    while fs::remove_dir(dir).is_err_and(|error| busy(&error)) && Instant::now() < end {
        sleep(Duration::from_millis(10));
    }
}

/// Loop devices whose file is in this directory. See loop(4).
fn loop_devices(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        let file = fs::read_to_string(entry.path().join("loop/backing_file")).unwrap_or_default();
        if Path::new(file.trim_end()).starts_with(dir) {
            found.push(format!("loop device {}", entry.file_name().display()));
        }
    }
    found
}
