//! Step 5's command line, and the limits.

use std::str::FromStr;

use anyhow::{Context, Result};
use step05::{Container, Mount, RunDir, Step, Uts};

use crate::{Cgroup, CgroupManager, GroupPath, Hierarchy, Limits, PerfEvent, limits::flag, view};

/// The flags of step 6.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub struct Args {
    /// Those of step 5.
    #[command(flatten)]
    pub step05: step05::Args,

    /// What the container is held to.
    #[command(flatten)]
    pub limits: Limits,

    /// When the container has ended, print what it used
    #[arg(long, help_heading = "Control group")]
    pub stats: bool,

    /// The group to make the container's group in [default: layers; systemd's: system.slice or user.slice]
    #[arg(long, value_name = "NAME", help_heading = "Control group")]
    pub cgroup_parent: Option<GroupPath>,

    /// Who makes the group: auto, cgroupfs or systemd
    #[arg(
        long,
        value_name = "WHO",
        help_heading = "Control group",
        value_parser = flag("--cgroup-manager", CgroupManager::from_str),
        default_value = "auto"
    )]
    pub cgroup_manager: CgroupManager,
}

impl Step for Args {
    const NAME: &'static str = "step06";
    const ABOUT: &'static str = "Run a command in a control group of its own, on top of step 5.";

    fn container(self) -> Result<Container> {
        let mut container = self.step05.container()?;
        let run_dir =
            container.stack.get_mut::<RunDir>().context("the layers below have a run directory")?;
        let id = run_dir.id().to_owned();
        let mut controllers = self.limits.controllers();
        if self.stats {
            controllers.push(Box::new(PerfEvent::default()));
        }
        let mut cgroup = Cgroup::new(&id, self.cgroup_parent, controllers);
        cgroup.manager = self.cgroup_manager;
        container.stack.below::<Uts>(cgroup);
        if let Some(mount) = container.stack.get_mut::<Mount>() {
            view::add(mount, &Hierarchy::all().context("cgroup")?);
        }
        let stats = self.stats;
        container.when_ended(move |stack, _explain| match stack.get_mut::<Cgroup>() {
            Some(cgroup) => tell(cgroup, stats),
            None => Ok(()),
        });
        Ok(container)
    }
}

/// What a person is told of a container that has ended.
fn tell(cgroup: &Cgroup, stats: bool) -> Result<()> {
    if let Some(cause) = cgroup.cause_of_death()? {
        eprintln!("cgroup: {cause}");
    }
    if stats {
        match cgroup.stats()? {
            stats if stats.0.is_empty() => {
                eprintln!("cgroup: nothing was counted: no group is delegated to the caller")
            }
            stats => eprint!("{stats}"),
        }
    }
    Ok(())
}
