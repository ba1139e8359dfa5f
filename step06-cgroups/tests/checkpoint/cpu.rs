//! The cpu controller.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use conformance::{Sandbox, checkpoint::Test, expect};
use step06::{Hierarchy, Version};

use super::{
    scene::step06,
    stats::{seconds, stat},
};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        cpus_of_v1: [CgroupV1("cpu")],
        cpus_of_v2: [CgroupV2("cpu")],
    }
}

fn cpus_of_v1(sandbox: &Sandbox) -> Result<()> {
    cpus(sandbox)
}

fn cpus_of_v2(sandbox: &Sandbox) -> Result<()> {
    cpus(sandbox)
}

fn cpus(sandbox: &Sandbox) -> Result<()> {
    let _parent = Favoured::new(sandbox)?;
    let burn = format!("{} burn 2 &", sandbox.probe_path().display());
    let script = format!("{} wait", burn.repeat(4));
    let run = step06(sandbox).args(["--cpus", "0.5", "--stats", "--", "sh", "-c", &script]);
    let outcome = run.output()?;
    outcome.success()?;
    let used = seconds(&outcome, "cpuacct", "usage")?;
    let periods: f64 = stat(&outcome, "cpu", "periods")?.parse()?;
    let half = (0.9..1.1).contains(&(used / (periods * 0.05)));
    expect::that("it got 50 of each 100 ms", half, &outcome.stderr(), "cgroups(7)")?;
    let throttled: f64 = stat(&outcome, "cpu", "throttled")?.parse()?;
    expect::that("it was held back most times", throttled >= 10.0, &throttled, "cgroups(7)")
}

/// A parent that comes before everybody else on the machine, or on a busy one the limit would not
/// be what holds the container back.
struct Favoured(PathBuf);

impl Favoured {
    fn new(sandbox: &Sandbox) -> Result<Self> {
        let hierarchy = Hierarchy::all()?.into_iter().find(|one| one.has("cpu"));
        let hierarchy = hierarchy.context("no cpu controller")?;
        let top = hierarchy.top().context("no group may be made")?;
        let dir = top.join(sandbox.cgroup_parent());
        fs::create_dir(&dir)?;
        let parent = Self(dir);
        match hierarchy.version {
            Version::V1 => fs::write(parent.0.join("cpu.shares"), "262144")?,
            Version::V2 => {
                fs::write(top.join("cgroup.subtree_control"), "+cpu")?;
                fs::write(parent.0.join("cpu.weight"), "10000")?;
            }
        }
        Ok(parent)
    }
}

impl Drop for Favoured {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
