//! What the devicemapper driver promises, on a pool of its own. The tests' subjects are in the files
//! beside this one.

#[path = "devicemapper/helper.rs"]
mod helper;
#[path = "devicemapper/killed.rs"]
mod killed;
#[path = "devicemapper/life.rs"]
mod life;
#[path = "devicemapper/loops.rs"]
mod loops;
#[path = "devicemapper/others.rs"]
mod others;
#[path = "devicemapper/pool.rs"]
mod pool;
#[path = "devicemapper/runtime.rs"]
mod runtime;
#[path = "devicemapper/scene.rs"]
mod scene;
#[path = "devicemapper/snapshots.rs"]
mod snapshots;

use std::process::ExitCode;

use killed::*;
use life::*;
use loops::*;
use others::*;
use pool::*;
use runtime::*;
use snapshots::*;

fn main() -> ExitCode {
    helper::main().unwrap_or_else(|| {
        conformance::checkpoint::main(conformance::tests! {
            // loops.rs
            a_file_is_a_block_device_as_long_as_it_is_open: [Root, Path("/dev/loop-control")],
            many_get_loop_devices_at_once: [Root, Path("/dev/loop-control")],

            // snapshots.rs
            a_snapshot_has_what_its_parent_had_and_is_its_own: [DeviceMapper, Command("mkfs.ext4")],
            xfs_does_not_mind_that_snapshots_have_one_uuid: [DeviceMapper, Command("mkfs.xfs")],
            what_is_removed_is_free_again: [DeviceMapper, Command("mkfs.ext4")],
            what_is_in_a_snapshot_does_not_matter_to_making_one: [DeviceMapper, Command("mkfs.ext4")],
            usage_is_what_a_snapshot_has_to_itself: [DeviceMapper, Command("mkfs.ext4")],
            an_older_mkfs_makes_one_too: [DeviceMapper, Command("mkfs.ext4")],
            a_name_that_is_left_over_is_taken: [DeviceMapper, Command("mkfs.ext4")],
            an_empty_file_system_takes_next_to_nothing: [DeviceMapper, Other(prezeroed)],
            a_missing_tool_is_told_and_leaves_nothing: [DeviceMapper],

            // life.rs
            nothing_is_active_that_nobody_uses: [DeviceMapper, Command("mkfs.ext4")],
            what_is_mounted_stays_until_it_is_not: [DeviceMapper, Command("mkfs.ext4")],
            what_is_mounted_cannot_be_removed: [DeviceMapper, Command("mkfs.ext4")],
            a_snapshot_of_one_that_is_written_to_is_whole: [DeviceMapper, Command("mkfs.ext4")],

            // pool.rs
            a_pool_is_refused_before_it_is_full: [DeviceMapper, Command("mkfs.ext4")],
            a_full_pool_refuses_writes_and_not_removal: [DeviceMapper, Command("mkfs.ext4")],
            a_larger_file_makes_a_larger_pool: [DeviceMapper, Command("mkfs.ext4")],
            devices_of_the_host_make_a_pool: [DeviceMapper, Command("mkfs.ext4")],
            a_pool_that_is_there_is_used: [DeviceMapper, Command("mkfs.ext4")],
            what_a_store_began_with_it_keeps: [DeviceMapper, Command("mkfs.ext4")],

            // others.rs
            files_with_something_in_them_are_not_taken: [DeviceMapper],
            devices_with_something_on_them_are_not_taken: [DeviceMapper, Command("mkfs.ext4")],
            a_copy_of_a_store_is_not_mixed_up_with_it: [DeviceMapper, Command("mkfs.ext4")],
            a_name_that_another_has_taken_is_told: [DeviceMapper, Command("mkfs.ext4")],
            a_pool_that_another_has_changed_is_told: [DeviceMapper, Command("mkfs.ext4")],
            records_of_the_pool_that_are_gone_or_damaged_are_told: [DeviceMapper, Command("mkfs.ext4")],

            // runtime.rs
            containers_run_on_devices: [DeviceMapper, Command("mkfs.ext4")],
            a_killed_runtime_leaves_no_device: [DeviceMapper, Command("mkfs.ext4")],
            options_of_the_driver_are_checked: [Root],

            // killed.rs
            a_change_is_finished_or_undone_wherever_it_stopped: [DeviceMapper, Command("mkfs.ext4")],
            what_was_kept_for_one_that_was_killed_is_let_go: [DeviceMapper, Command("mkfs.ext4")],
            killed_at_any_moment_nothing_sealed_is_lost: [DeviceMapper, Command("mkfs.ext4")],
            several_processes_share_a_pool: [DeviceMapper, Command("mkfs.ext4")],
        })
    })
}
