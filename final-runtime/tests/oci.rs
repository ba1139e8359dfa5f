//! What an OCI runtime does with a bundle. The tests' subjects are in the files beside this one.
//!
//! They use nothing but the OCI command line, so that another runtime can be held against them:
//!
//! ```text
//! CONFORMANCE_RUNTIME=/usr/sbin/runc cargo test -p final-runtime --test oci
//! ```
//!
//! Those that compare words are of this runtime alone, and say so by the need `ours`.

#[path = "oci/bundle.rs"]
mod bundle;
#[path = "oci/devices.rs"]
mod devices;
#[path = "oci/hooks.rs"]
mod hooks;
#[path = "oci/mounts.rs"]
mod mounts;
#[path = "oci/namespaces.rs"]
mod namespaces;
#[path = "oci/process.rs"]
mod process;

use bundle::ours;

use devices::*;
use hooks::*;
use mounts::*;
use namespaces::*;
use process::*;

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
    what_a_hook_says_is_told: [Root, Other(ours)],
}
