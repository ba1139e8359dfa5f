//! The checkpoint of step 3: what the container sees of files is its own, and nothing leads out.
//!
//! | file | subject |
//! | --- | --- |
//! | `root.rs` | the root file system, what came of the old one, mounts on either side |
//! | `kernel.rs` | `/proc` and `/sys` |
//! | `dev.rs` | `/dev` |
//! | `volumes.rs` | `--volume`, `--tmpfs`, `--read-only` |
//! | `process.rs` | what the command begins with: directory, environment, descriptors |
//! | `hostile.rs` | root file systems that try to lead the runtime outside |
//! | `words.rs` | errors, `--help`, `--explain` |

#[path = "checkpoint/dev.rs"]
mod dev;
#[path = "checkpoint/hostile.rs"]
mod hostile;
#[path = "checkpoint/kernel.rs"]
mod kernel;
#[path = "checkpoint/process.rs"]
mod process;
#[path = "checkpoint/root.rs"]
mod root;
#[path = "checkpoint/volumes.rs"]
mod volumes;
#[path = "checkpoint/words.rs"]
mod words;

use anyhow::{Context, Result};
use conformance::{Outcome, Run, Sandbox};
use serde_json::Value;

use dev::*;
use hostile::*;
use kernel::*;
use process::*;
use root::*;
use volumes::*;
use words::*;

const STEP03: &str = env!("CARGO_BIN_EXE_step03");

fn step03(sandbox: &Sandbox) -> Run<'_> {
    sandbox.run(STEP03)
}

/// The same, run by one who is root only in a user namespace, and so may make no devices and does
/// not own the network namespace.
fn step03_by_an_ordinary_user(sandbox: &Sandbox) -> Run<'_> {
    sandbox.run("unshare").args(["--user", "--map-root-user", "--", STEP03])
}

/// Both ways to run it.
const BOTH: [fn(&Sandbox) -> Run<'_>; 2] = [step03, step03_by_an_ordinary_user];

/// mount(8) or umount(8) by the sandbox's root, outside of any container.
fn mount(sandbox: &Sandbox, program: &str, args: &[&str]) -> Result<()> {
    // Without -n it may leave notes in /run.
    sandbox.run(program).arg("-n").args(args).output()?.success().map(drop)
}

/// The topmost mount on `target` in a report.
fn mount_on<'a>(report: &'a Value, target: &str) -> Result<&'a Value> {
    let mounts = report["mounts"].as_array().context("the report has no mounts")?;
    let found = mounts.iter().rev().find(|mount| mount["target"] == target);
    found.with_context(|| format!("nothing is mounted on {target}"))
}

/// Whether a mount has this flag or option.
fn has(mount: &Value, option: &str) -> bool {
    let has = |list: &Value| list.as_array().is_some_and(|list| list.iter().any(|o| o == option));
    has(&mount["options"]) || has(&mount["super_options"])
}

/// What the verbs of a `seq` printed, one line each.
fn lines(outcome: &Outcome) -> Result<Vec<Value>> {
    let text = outcome.success()?.stdout();
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

conformance::checkpoint! {
    the_rootfs_is_all_there_is: [Command("unshare"), UserNamespaces],
    the_old_root_is_gone: [Command("unshare"), UserNamespaces],
    without_a_rootfs_it_is_the_host_s_and_read_only: [Command("unshare"), UserNamespaces],
    the_mount_namespace_is_its_own,
    a_mount_outside_is_not_seen_inside: [Command("mount")],
    a_mount_inside_is_not_seen_outside: [Command("mount"), Command("sh")],
    proc_shows_its_own_processes_alone: [Command("unshare"), UserNamespaces],
    sys_cannot_be_written_to: [Command("unshare"), UserNamespaces],
    masked_paths_are_empty: [Command("unshare"), UserNamespaces],
    read_only_paths_cannot_be_written_to: [Command("unshare"), UserNamespaces],
    a_masked_proc_outside_is_told_of: [Command("unshare"), UserNamespaces],
    dev_holds_what_it_should_and_no_more: [Command("unshare"), UserNamespaces],
    devices_do_what_they_are_for: [Command("unshare"), UserNamespaces],
    terminals_are_its_own: [Command("unshare"), UserNamespaces],
    shared_memory_and_queues_are_its_own: [Command("unshare"), UserNamespaces],
    a_forged_null_device_is_refused: [Command("mount"), Command("unshare"), UserNamespaces],
    a_volume_is_the_host_s_directory: [Command("unshare"), UserNamespaces],
    a_read_only_volume_is_so_all_the_way_down: [Command("mount"), Command("unshare"), UserNamespaces],
    a_file_is_a_volume_too,
    volumes_are_mounted_from_the_root_down,
    a_relative_source_begins_at_the_caller_s_directory,
    a_tmpfs_has_its_options,
    a_read_only_rootfs_is_so_all_the_way_down: [Command("mount"), Command("unshare"), UserNamespaces],
    mount_points_are_made_whatever_the_umask: [Command("sh")],
    the_working_directory_is_made,
    the_environment_is_clean,
    no_descriptor_is_inherited: [Command("sh")],
    no_working_directory_leads_outside: [Command("sh")],
    links_for_kernel_file_systems_are_refused,
    targets_stay_inside: [Command("unshare"), UserNamespaces],
    a_link_to_the_host_leads_nowhere,
    a_link_inside_is_followed_inside,
    a_race_over_a_target_stays_inside,
    bad_input_is_told_in_one_line,
    help_reads_well,
    explain_tells_every_act: [Root],
    explain_can_be_followed: [Command("sh"), Command("mount"), Command("unshare")],
}
