//! What the verbs of final-runtime do and must not do. The tests' subjects are in the files beside
//! this one.

#[path = "verbs/agent.rs"]
mod agent;
#[path = "verbs/background.rs"]
mod background;
#[path = "verbs/errors.rs"]
mod errors;
#[path = "verbs/killed.rs"]
mod killed;
#[path = "verbs/pause.rs"]
mod pause;
#[path = "verbs/run.rs"]
mod run;
#[path = "verbs/scene.rs"]
mod scene;
#[path = "verbs/seccomp.rs"]
mod seccomp;
#[path = "verbs/stats.rs"]
mod stats;
#[path = "verbs/systemd.rs"]
mod systemd;
#[path = "verbs/terminal.rs"]
mod terminal;
#[path = "verbs/update.rs"]
mod update;

use conformance::Machine;

use background::*;
use errors::*;
use killed::*;
use pause::*;
use run::*;
use seccomp::*;
use stats::*;
use systemd::*;
use terminal::*;
use update::*;

conformance::checkpoint! {
    // run.rs
    a_command_runs_in_a_world_of_its_own: [Filesystem("overlay")],
    an_ordinary_user_runs_containers_too: [Filesystem("overlay"), UserNamespaces],
    the_exit_code_is_the_commands: [Filesystem("overlay")],
    input_is_read_only_if_asked_for: [Filesystem("overlay")],
    output_and_errors_stay_apart: [Filesystem("overlay")],
    environment_directory_and_user_are_as_asked: [Filesystem("overlay")],
    what_one_container_changes_no_other_sees: [Filesystem("overlay")],
    volumes_and_a_read_only_root: [Filesystem("overlay")],
    out_of_memory_is_written_down: [Root, Filesystem("overlay"), CgroupV1("memory")],
    the_runtime_cannot_be_overwritten_from_inside: [Filesystem("overlay")],

    // background.rs
    a_container_lives_in_the_background: [Filesystem("overlay")],
    exec_joins_every_namespace: [Filesystem("overlay")],
    exec_has_a_user_an_environment_and_an_exit_code: [Filesystem("overlay")],
    exec_reads_input_only_if_asked_to: [Filesystem("overlay")],
    exec_goes_on_in_the_background: [Filesystem("overlay")],
    exec_leaves_no_descriptor_and_no_capability_behind: [Filesystem("overlay")],
    logs_are_complete_and_follow_to_the_end: [Filesystem("overlay")],
    stop_asks_first_and_then_kills: [Filesystem("overlay")],
    signals_are_sent_by_name: [Filesystem("overlay")],
    what_runs_is_removed_only_by_force: [Filesystem("overlay")],
    inspect_is_json: [Filesystem("overlay")],
    an_ordinary_user_looks_after_containers_too: [Filesystem("overlay"), UserNamespaces],

    // terminal.rs
    a_terminal_has_a_size_and_job_control: [Filesystem("overlay")],
    the_terminal_is_the_console: [Filesystem("overlay")],

    // killed.rs
    a_killed_runtime_leaves_nothing_after_rm: [Filesystem("overlay")],
    a_killed_runtime_leaves_nothing_after_the_next_run: [Filesystem("overlay")],
    many_at_once_leave_nothing: [Filesystem("overlay")],
    check_mends_what_is_half_made: [Filesystem("overlay")],

    // pause.rs
    pausing_of_v1: [Root, Filesystem("overlay"), CgroupV1("freezer")],
    pausing_of_v2: [Root, Filesystem("overlay"), CgroupV2(""), Other(no_freezer_of_v2)],
    a_paused_container_ends_in_v1: [Root, Filesystem("overlay"), CgroupV1("freezer")],
    a_paused_container_ends_in_v2:
        [Root, Filesystem("overlay"), CgroupV2(""), Other(no_freezer_of_v2)],
    a_runtime_killed_while_paused_leaves_nothing_in_v1:
        [Root, Filesystem("overlay"), CgroupV1("freezer")],
    a_runtime_killed_while_paused_leaves_nothing_in_v2:
        [Root, Filesystem("overlay"), CgroupV2(""), Other(no_freezer_of_v2)],
    without_a_freezer_nobody_is_paused: [Filesystem("overlay"), UserNamespaces],

    // update.rs
    update_of_v1: [Root, Filesystem("overlay"), CgroupV1("memory"), CgroupV1("pids")],
    update_of_v2: [Root, Filesystem("overlay"), CgroupV2("memory"), CgroupV2("pids")],
    what_cannot_be_updated_is_told_in_one_line: [Root, Filesystem("overlay")],
    what_the_kernel_refuses_is_not_written_down: [Root, Filesystem("overlay"), CgroupV1("memory")],

    // stats.rs
    stats_of_v1: [Root, Filesystem("overlay"), CgroupV1("memory"), CgroupV1("cpuacct")],
    stats_of_v2: [Root, Filesystem("overlay"), CgroupV2("memory"), CgroupV2("pids")],
    stats_of_disks: [Root, Filesystem("overlay"), Other(no_io), Path("/dev/loop-control")],
    stats_of_the_network: [Root, Filesystem("overlay")],
    stats_follow_a_container_to_its_end: [Filesystem("overlay")],
    stats_stay_in_place_on_a_terminal: [Filesystem("overlay")],
    what_nobody_counts_is_told: [Filesystem("overlay"), UserNamespaces],

    // seccomp.rs
    the_default_profile_keeps_calls_away: [Root, Filesystem("overlay")],
    a_profile_is_what_its_file_says: [Root, Filesystem("overlay")],
    a_filter_need_allow_nothing_but_the_command: [Root, Filesystem("overlay")],
    an_agent_decides_about_calls: [Root, Filesystem("overlay")],
    bad_profiles_are_told_in_one_line: [Filesystem("overlay")],

    // systemd.rs
    a_container_lives_in_a_scope_of_systemds:
        [Root, Filesystem("overlay"), CgroupV2(""), Path(Machine::NEEDS)],
    a_scope_whose_runtime_is_killed_ends_too:
        [Root, Filesystem("overlay"), CgroupV2(""), Path(Machine::NEEDS)],
    other_limits_are_systemds_too: [
        Root, Filesystem("overlay"), CgroupV1("memory"), CgroupV1("pids"), CgroupV1("cpu"), CgroupV2(""),
        Path(Machine::NEEDS),
    ],

    // errors.rs
    what_cannot_be_is_told_in_one_line: [Filesystem("overlay")],
    a_start_that_fails_in_the_background_is_told: [Filesystem("overlay")],
    bad_flags_are_told_in_one_line,
    a_damaged_record_is_told_and_can_be_removed: [Filesystem("overlay")],
}
