//! User-Mode Linux: a kernel that is a process of this one. Its root is this machine's own file
//! system, so that the test programs are where cargo has put them; what is written goes to tmpfs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{
    machine::Kernel,
    modules,
    plan::{Plan, VARIABLE},
    programs::Programs,
};

/// What it is there for: the second dialect of cgroups, and a device-mapper.
pub const UML: Kernel = Kernel {
    name: "UML",
    again: &[("step06 checkpoint", AGAIN)],
    machines: 2,
    limit: Duration::from_secs(20 * 60),
    machine,
};

/// What is as it should be in both dialects, and has been tried in the first where that is what there
/// is here.
const AGAIN: &[&str] = &[
    "a_group_that_another_process_holds_is_told_of",
    "a_group_that_is_there_is_not_taken_over",
    "a_killed_runtime_leaves_groups_that_the_next_one_clears",
    "groups_that_somebody_else_made_stay",
    "groups_that_were_made_in_it_go_with_it",
    "limits_hold_in_a_user_namespace",
    "no_descriptor_of_a_group_reaches_the_command",
    "stats_are_what_was_used",
    "sys_fs_cgroup_shows_the_containers_own_groups_only",
    "the_container_is_in_a_group_of_every_hierarchy",
    "the_container_cannot_change_its_limits_or_leave",
    "the_container_sees_its_groups_as_roots",
    "the_group_is_gone_when_the_container_is",
    "the_least_memory_is_enough",
    "without_delegation_limits_are_refused",
];

/// Debian's name for the kernel.
pub const KERNEL: &str = "/usr/bin/linux.uml";

fn machine(programs: &Programs, mut plan: Plan, number: usize) -> Result<Command> {
    plan.modules = modules::in_order(&modules_dir()?)?;
    let workspace = std::env::current_dir()?;
    let dir = workspace.join("target/conformance");
    plan.workspace = Some(workspace);
    fs::create_dir_all(&dir).context("making target/conformance")?;
    let file = dir.join(format!("uml-{number}.json"));
    fs::write(&file, serde_json::to_vec(&plan)?).context("writing the plan")?;

    let mut machine = Command::new(KERNEL);
    machine.args(["mem=1G", "rootfstype=hostfs", "rw", "quiet", "con=null", "con0=null,fd:1"]);
    machine.arg(format!("init={}", programs.command.display()));
    machine.arg(format!("{VARIABLE}={}", file.display()));
    Ok(machine)
}

fn modules_dir() -> Result<PathBuf> {
    let all = Path::new("/usr/lib/uml/modules");
    let mut entries = fs::read_dir(all).context("looking for the modules of User-Mode Linux")?;
    let first = entries.next().context("User-Mode Linux has no modules")??;
    Ok(first.path())
}
