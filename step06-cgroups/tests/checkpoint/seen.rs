//! What the kernel itself says of a container's groups. Nothing here asks the code that makes them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use conformance::{Run, Running};
use nix::sys::signal::Signal;

/// The group of a process in one hierarchy.
#[derive(Debug)]
pub struct Seen {
    /// What `/proc/PID/cgroup` calls the hierarchy: its controllers, or nothing for v2.
    pub hierarchy: String,
    /// The group, from the hierarchy's root.
    pub path: String,
}

impl Seen {
    /// The hierarchy, for a person.
    pub fn name(&self) -> String {
        match self.hierarchy.as_str() {
            "" => "cgroup v2".into(),
            names => format!("{names} of cgroup v1"),
        }
    }

    /// Its directory, if the hierarchy is mounted here.
    pub fn dir(&self) -> Option<PathBuf> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let at = mounts.lines().find_map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let options: Vec<_> = words.get(3)?.split(',').collect();
            let is_it = match *words.get(2)? {
                "cgroup2" => self.hierarchy.is_empty(),
                "cgroup" => {
                    !self.hierarchy.is_empty()
                        && self.hierarchy.split(',').all(|name| options.contains(&name))
                }
                _ => false,
            };
            is_it.then(|| words[1].to_string())
        })?;
        Some(Path::new(&at).join(self.path.trim_start_matches('/')))
    }
}

/// Where a process is in every hierarchy that is mounted: `self`, or its number.
pub fn groups_of(process: &str) -> Result<Vec<Seen>> {
    let text = fs::read_to_string(format!("/proc/{process}/cgroup"))?;
    let seen = text.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        Some(Seen { hierarchy: fields.next()?.into(), path: fields.next()?.into() })
    });
    Ok(seen.filter(|seen| seen.dir().is_some()).collect())
}

/// Runs a container whose command does nothing, and looks at it meanwhile: `look` is given where the
/// container's first process is.
pub fn while_it_runs<T>(run: Run, look: impl FnOnce(Vec<Seen>) -> Result<T>) -> Result<T> {
    let mut container = run.probe(["sleep", "20"]).spawn()?;
    container.line()?; // its first act
    let found = look(groups_of(&first_process(&container)?)?)?;
    container.signal(Signal::SIGTERM)?;
    container.wait()?;
    Ok(found)
}

fn first_process(container: &Running) -> Result<String> {
    let first = container.descendants().first().copied();
    Ok(first.context("the runtime has no child")?.to_string())
}

/// What is in a file of the container's group where `controller` works, in one line.
pub fn setting(run: Run, controller: &str, file: &str) -> Result<String> {
    while_it_runs(run.arg("--init"), |groups| {
        let mut of_v1 =
            groups.iter().filter(|one| one.hierarchy.split(',').any(|it| it == controller));
        let of_v2 = groups.iter().find(|one| one.hierarchy.is_empty());
        let group = of_v1.next().or(of_v2).context("it is in no group")?;
        let path = group.dir().context("it is not mounted")?.join(file);
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(text.lines().collect::<Vec<_>>().join(" "))
    })
}
