//! Step 5's command line, and the limits.

use anyhow::{Context, Result};
use step05::{Container, Mount, RunDir, Step, Uts};

use crate::{
    Cgroup, Controller, Cpu, CpuAcct, Cpus, Cpuset, DeviceRule, Devices, GroupPath, Hierarchy,
    Memory, MemoryLimit, Pids, PidsLimit, view,
};

/// The flags of step 6.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub struct Args {
    /// Those of step 5.
    #[command(flatten)]
    pub step05: step05::Args,

    /// The most memory the container may have: bytes, or a number with k, m, g or t
    #[arg(
        short,
        long,
        value_name = "SIZE",
        help_heading = "Control group",
        allow_hyphen_values = true
    )]
    pub memory: Option<MemoryLimit>,

    /// The most CPU time, as a number of CPUs such as 0.5
    #[arg(long, value_name = "N", help_heading = "Control group", allow_hyphen_values = true)]
    pub cpus: Option<Cpus>,

    /// The most processes and threads at a time; -1 is no limit
    #[arg(long, value_name = "N", help_heading = "Control group", allow_hyphen_values = true)]
    pub pids_limit: Option<PidsLimit>,

    /// Let the container use devices beyond null, zero, terminals and the like, as in 'c 10:229 rw'
    #[arg(long, value_name = "RULE", help_heading = "Control group")]
    pub device_cgroup_rule: Vec<DeviceRule>,

    /// When the container has ended, print what it used
    #[arg(long, help_heading = "Control group")]
    pub stats: bool,

    /// The group to make the container's group in
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "Control group",
        default_value = GroupPath::DEFAULT
    )]
    pub cgroup_parent: GroupPath,
}

impl Step for Args {
    const NAME: &'static str = "step06";
    const ABOUT: &'static str = "Run a command in a control group of its own, on top of step 5.";

    fn container(self) -> Result<Container> {
        let mut container = self.step05.container()?;
        let run_dir =
            container.stack.get_mut::<RunDir>().context("the layers below have a run directory")?;
        let id = run_dir.id().to_owned();
        let controllers: Vec<Box<dyn Controller>> = vec![
            Box::new(Memory { limit: self.memory }),
            Box::new(Cpu { cpus: self.cpus }),
            Box::new(CpuAcct),
            Box::new(Cpuset),
            Box::new(Pids { limit: self.pids_limit }),
            Box::new(Devices::with(&self.device_cgroup_rule)),
        ];
        container.stack.below::<Uts>(Cgroup::new(&id, self.cgroup_parent, controllers));
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
