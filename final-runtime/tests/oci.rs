//! What an OCI runtime does with a bundle. The tests' subjects are in the files beside this one.
//!
//! They use nothing but the OCI command line, so that another runtime can be held against them:
//!
//! ```text
//! CONFORMANCE_RUNTIME=/usr/sbin/runc cargo test -p final-runtime --test oci
//! ```
//!
//! Those that compare words are of this runtime alone, and say so by the need `ours`.

#[path = "verbs/agent.rs"]
mod agent;
#[path = "oci/attacks.rs"]
mod attacks;
#[path = "oci/bundle.rs"]
mod bundle;
#[path = "oci/commands.rs"]
mod commands;
#[path = "oci/devices.rs"]
mod devices;
#[path = "oci/features.rs"]
mod features;
#[path = "oci/hooks.rs"]
mod hooks;
#[path = "oci/lifecycle.rs"]
mod lifecycle;
#[path = "oci/mounts.rs"]
mod mounts;
#[path = "oci/namespaces.rs"]
mod namespaces;
#[path = "oci/process.rs"]
mod process;
#[path = "oci/resources.rs"]
mod resources;

use bundle::ours;

use attacks::*;
use commands::*;
use devices::*;
use features::*;
use hooks::*;
use lifecycle::*;
use mounts::*;
use namespaces::*;
use process::*;
use resources::*;

conformance::checkpoint! {
    // process.rs
    the_process_is_as_described: [Root],
    limits_and_urgency_are_the_processs: [Root],
    its_home_is_in_passwd: [Root],
    who_joins_has_limits_a_home_and_a_directory_too: [Root],
    its_directory_is_made_and_may_be_roots_alone: [Root],
    settings_of_its_own_namespaces_are_its_own: [Root],
    what_the_kernel_or_the_host_does_not_have_is_told: [Root, Other(ours)],
    what_nobody_would_enforce_is_told: [Root, Other(ours), Other(without_labels)],
    what_does_not_fit_its_place_is_told_with_the_place: [Root, Other(ours)],

    // namespaces.rs
    namespaces_are_joined_by_path: [Root],
    a_user_namespace_of_its_own_is_no_hindrance: [Root],
    a_user_namespace_is_joined: [Root],
    an_interface_moves_in_with_its_addresses: [Root, Path("/sbin/ip")],
    clocks_are_ahead: [Root, Path("/proc/self/timens_offsets")],
    what_cannot_be_joined_is_told: [Root, Other(ours)],

    // mounts.rs
    options_are_as_in_fstab: [Root],
    files_and_directories_are_bound: [Root],
    an_r_reaches_what_is_mounted_below: [Root],
    a_tmpfs_begins_with_what_it_covers: [Root],
    ids_are_mapped: [Root],
    what_only_the_hosts_root_can_reach_is_bound_for_a_user_namespace_too: [Root],
    what_the_host_mounts_later_passes_as_asked_for: [Root],
    the_host_loses_no_mount_to_a_shared_root: [Root],
    the_root_is_read_only_if_asked_for: [Root],
    what_must_not_be_mounted_is_told: [Root, Other(ours)],

    // devices.rs
    devices_are_made_as_described: [Root],
    in_a_user_namespace_devices_are_the_hosts: [Root],
    the_hosts_dev_is_left_as_it_is: [Root],
    a_device_that_cannot_be_is_told: [Root, Other(ours)],

    // hooks.rs
    hooks_are_called_in_order_and_told_the_state: [Root],
    a_hook_on_the_host_finds_the_container_made: [Root],
    a_hook_that_fails_is_the_end: [Root],
    a_hook_that_hangs_is_killed: [Root],
    what_a_hook_has_begun_is_killed_with_it: [Root, Other(ours)],
    what_a_hook_says_is_told: [Root, Other(ours)],

    // attacks.rs
    nobody_types_into_the_callers_terminal: [Root, Other(without_typing)],
    the_runtimes_program_cannot_be_written_to: [Root, Other(ours)],
    an_old_filter_leaves_nothing_open: [Root],
    one_who_waits_at_the_gate_cannot_be_looked_into: [Root],
    one_who_joins_cannot_be_looked_into: [Root],

    // lifecycle.rs
    a_container_is_created_started_and_deleted: [Root],
    one_that_was_not_started_can_be_deleted: [Root],
    what_is_out_of_order_is_refused: [Root],
    an_id_is_no_path: [Root],
    force_deletes_in_every_state: [Root],
    a_signal_has_a_name_or_a_number: [Root],
    without_a_pid_namespace_all_are_killed_by_all: [Root],
    a_paused_one_stands_still_until_it_is_resumed: [Root],
    a_paused_one_can_be_killed: [Root],
    run_ends_as_its_command_does: [Root],
    a_damaged_record_is_told_and_can_be_deleted: [Root, Other(ours)],

    // commands.rs
    exec_ends_as_its_command_does: [Root],
    exec_is_as_its_flags_say: [Root],
    exec_has_a_session_keyring_if_the_container_has: [Root, Other(ours)],
    exec_goes_on_in_the_background: [Root],
    containers_are_listed: [Root],
    a_terminal_goes_to_the_engine: [Root],
    a_console_socket_that_is_none_is_told: [Root],
    an_error_is_the_logs_last_line: [Root],
    what_takes_criu_is_told: [Root, Other(ours)],
    a_configuration_that_cannot_be_read_is_told_with_the_place: [Root, Other(ours)],
    what_spec_writes_can_be_run: [Root],
    a_run_ends_as_its_command_whoever_deletes_it: [Root, Other(ours)],
    a_background_run_keeps_its_output: [Root],

    // resources.rs
    a_container_is_held_to_its_resources: [Root, CgroupV1("memory")],
    the_group_is_where_its_path_says: [Root, CgroupV1("pids")],
    disks_are_limited: [Root, CgroupV1("blkio")],
    huge_pages_are_limited: [Root, Other(without_hugetlb)],
    what_the_kernel_refuses_changes_nothing: [Root, CgroupV1("memory"), Other(ours)],
    resources_change_by_update: [Root, CgroupV1("memory")],
    an_update_is_made_as_a_whole_or_not_at_all: [Root, CgroupV1("cpu"), Other(ours)],
    files_of_v2_are_refused_where_the_controller_is_in_v1: [Root, CgroupV1("memory"), Other(ours)],
    files_of_v2_are_written_as_they_are_named: [Root, CgroupV2("pids")],
    a_later_rule_for_devices_overrides_an_earlier_one: [Root],
    all_devices_but_one_are_allowed_later: [Root],
    one_device_out_of_a_drivers_is_too_much_for_v1: [Root, CgroupV1("devices"), Other(ours)],
    events_tell_what_is_used: [Root],
    events_end_with_the_container: [Root, Other(ours)],

    // features.rs
    features_are_told_as_specified: [Root],
    version_1_3_is_told_in_full: [Root, Other(ours)],
    mount_options_that_are_told_are_known: [Root],
    what_else_is_told_is_known: [Root],
}
