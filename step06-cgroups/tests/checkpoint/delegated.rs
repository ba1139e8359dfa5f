//! A group that root has made and given away.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use conformance::{Outcome, Sandbox};
use step06::{Hierarchy, Version};

use super::scene::STEP06;

/// Who it is given to.
const USER: u32 = 1000;

/// What is given with a group. In v1 the third is not there, in v2 the second.
pub const ALL: [&str; 4] = ["", "tasks", "cgroup.subtree_control", "cgroup.procs"];

pub struct Delegated<'a> {
    sandbox: &'a Sandbox,
    /// Root's, in which it is: it has all that root gives away.
    outer: PathBuf,
    /// The group itself.
    pub dir: PathBuf,
}

impl<'a> Delegated<'a> {
    /// In a hierarchy, of v2 with these controllers.
    pub fn new(sandbox: &'a Sandbox, hierarchy: &Hierarchy, controllers: &[&str]) -> Result<Self> {
        let top = hierarchy.top().context("no group may be made")?;
        let outer = top.join(sandbox.cgroup_parent());
        let dir = outer.join("delegated");
        let it = Self { sandbox, outer, dir };
        fs::create_dir(&it.outer).with_context(|| format!("making {}", it.outer.display()))?;
        if hierarchy.version == Version::V2 {
            enable(&top, controllers)?;
            enable(&it.outer, controllers)?;
        }
        fs::create_dir(&it.dir).with_context(|| format!("making {}", it.dir.display()))?;
        give(&it.dir, &ALL)?;
        Ok(it)
    }

    /// That of v2, with these controllers.
    pub fn v2(sandbox: &'a Sandbox, controllers: &[&str]) -> Result<Self> {
        let hierarchy = Hierarchy::all()?.into_iter().find(|one| one.version == Version::V2);
        Self::new(sandbox, &hierarchy.context("no cgroup v2")?, controllers)
    }

    /// Runs step 6 in it. Of v2 that is in a leaf, next to which there is room for groups that have
    /// limits.
    pub fn step06(&self, args: &[&str]) -> Result<Outcome> {
        let v1 = self.dir.join("tasks").exists();
        let leaf = self.dir.join("caller");
        if !v1 && !leaf.exists() {
            fs::create_dir(&leaf)?;
        }
        self.step06_in(if v1 { &self.dir } else { &leaf }, args)
    }

    /// Runs step 6 in a group.
    pub fn step06_in(&self, dir: &Path, args: &[&str]) -> Result<Outcome> {
        let command = [&[STEP06, "--network", "none"], args].concat();
        self.run_in(dir, "exec \"$@\"", &command)
    }

    /// The same with the probe as the command.
    pub fn probe(&self, args: &[&str], probe: &[&str]) -> Result<Outcome> {
        let path = self.sandbox.probe_path().display().to_string();
        self.step06(&[args, &["--", &path], probe].concat())
    }

    /// Has a shell do something in a group.
    pub fn run_in(&self, dir: &Path, what: &str, args: &[&str]) -> Result<Outcome> {
        let name = self.sandbox.cgroup_parent();
        let script = format!("while ! grep -q $0 /proc/self/cgroup; do sleep 0.05; done; {what}");
        let run = self.sandbox.run("/bin/sh").args(["-c", &script, &name]).args(args);
        let running = run.spawn()?;
        fs::write(dir.join("cgroup.procs"), running.pid().to_string())?;
        running.wait()
    }

    /// What was said, with what differs from run to run taken out.
    pub fn without_names(&self, said: &str) -> String {
        let said = said.replace(&self.dir.display().to_string(), "GROUP");
        said.replace(&self.outer.display().to_string(), "OUTER")
    }
}

impl Drop for Delegated<'_> {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while !remove(&self.outer) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Removes those groups as well that a test has made, but none that the program has made.
fn remove(dir: &Path) -> bool {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && entry.file_name() != "layers" {
            remove(&entry.path());
        }
    }
    fs::remove_dir(dir).is_ok() || !dir.exists()
}

/// Gives some of a group's files away.
pub fn give(dir: &Path, names: &[&str]) -> Result<()> {
    let mut there = names.iter().map(|name| dir.join(name)).filter(|path| path.exists());
    there.try_for_each(|path| chown(path, Some(USER), Some(USER)).context("giving away"))
}

fn enable(dir: &Path, controllers: &[&str]) -> Result<()> {
    let file = dir.join("cgroup.subtree_control");
    let enable =
        |name| fs::write(&file, format!("+{name}")).with_context(|| format!("giving {name}"));
    controllers.iter().try_for_each(enable)
}
