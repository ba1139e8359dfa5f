//! The checkpoint of step 7: layers are shared and stay as they are, and what a container makes of
//! them is its own, can be told, and can become a layer.
//!
//! | file | subject |
//! | --- | --- |
//! | `place.rs` | a directory with layers in it, for one test |
//! | `layers.rs` | what a container sees of its layers, and that it cannot change them |
//! | `changes.rs` | where the changes are, and for how long |
//! | `diff.rs` | what a container has changed |
//! | `commit.rs` | a layer made of that |
//! | `hostile.rs` | layers and containers that try to lead the runtime outside |
//! | `words.rs` | errors, `--help`, `--explain` |

#[path = "checkpoint/changes.rs"]
mod changes;
#[path = "checkpoint/commit.rs"]
mod commit;
#[path = "checkpoint/diff.rs"]
mod diff;
#[path = "checkpoint/hostile.rs"]
mod hostile;
#[path = "checkpoint/layers.rs"]
mod layers;
#[path = "checkpoint/place.rs"]
mod place;
#[path = "checkpoint/words.rs"]
mod words;

use std::{fs, process::ExitCode};

use conformance::{Need, Sandbox, checkpoint::Test, unprivileged};

use changes::*;
use commit::*;
use diff::*;
use hostile::*;
use layers::*;
use place::Place;
use words::*;

/// Where the exercises of these tests are told.
const HERE: (&str, &str) = (env!("CARGO_MANIFEST_DIR"), env!("CARGO_CRATE_NAME"));

/// Tests that are run twice, by root (of the sandbox) and by an ordinary user.
macro_rules! by_everyone {
    ($($test:ident),+ $(,)?) => {
        vec![$(
            Test::new(stringify!($test), |sandbox: &Sandbox| $test(&Place::new(sandbox)?), &[]).of(HERE),
            Test::new(
                concat!(stringify!($test), "_by_an_ordinary_user"),
                || unprivileged(|sandbox| $test(&Place::new(sandbox)?)),
                &[Need::Sandbox, Need::Other(attributes_in_a_tmpfs)],
            )
            .of(HERE),
        )+]
    };
}

/// An ordinary user's container, too, has its changes in a tmpfs.
fn attributes_in_a_tmpfs() -> Option<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (version < (6, 6)).then(|| "needs Linux 6.6".into())
}

fn main() -> ExitCode {
    let mut tests = by_everyone! {
        layers_stay_as_they_are,
        a_file_is_copied_up_whole,
        what_is_deleted_is_gone_and_stays_gone,
        a_directory_made_anew_is_empty,
        a_file_moves_across_layers_and_a_directory_does_not,
        the_topmost_layer_wins,
        a_layer_hides_what_it_deletes_below,
        one_hundred_and_twenty_eight_layers,
        five_hundred_layers_and_no_more,
        names_of_layers_may_be_odd,
        other_paths_are_still_relative_to_the_callers_directory,
        one_layer_is_enough_and_has_nothing_of_the_hosts_environment,
        the_root_directory_is_like_the_topmost_layers,
        containers_on_the_same_layers_do_not_see_each_other,
        a_read_only_container_changes_nothing,
        changes_vanish_with_the_container,
        kept_changes_are_gone_on_from,
        kept_changes_belong_to_one_container_at_a_time,
        kept_changes_of_a_container_that_never_was_are_none,
        a_killed_runtime_leaves_nothing_after_the_next,
        diff_tells_every_kind_of_change,
        diff_tells_added_changed_and_deleted,
        diff_tells_what_an_opaque_directory_hides,
        diff_takes_no_file_for_a_whiteout,
        diff_tells_one_line_a_path,
        a_container_that_never_was_has_no_changes,
        a_commit_on_top_gives_the_same_tree,
        what_is_deleted_is_a_whiteout_in_a_commit,
        a_commit_keeps_the_names_of_one_file_together,
        a_commit_keeps_holes,
        a_commit_of_many_directories,
        an_abandoned_draft_of_a_commit_is_in_nobodys_way,
        no_link_leads_diff_or_commit_outside,
        a_device_0_0_in_the_lowest_layer_is_nothing,
        bad_input_is_one_line,
        explain_tells_each_act,
    };
    tests.extend(conformance::tests! {
        the_options_of_three_hundred_layers_fit_a_page,
        the_host_sees_no_mount,
        the_hosts_own_root_can_be_the_layer: [Root],
        for_an_ordinary_user_the_hosts_own_root_is_read_only: [Sandbox],
        a_file_system_that_cannot_hold_changes_is_refused,
        what_cannot_be_written_to_is_refused: [Root],
        diff_takes_no_device_for_a_whiteout: [Root],
        diff_tells_a_change_of_owner: [Root],
        a_commit_of_device_files: [Root],
        a_commit_can_be_read_by_every_overlay: [Sandbox, Other(attributes_in_a_tmpfs)],
        a_commit_is_whole_or_not_there,
        a_layer_cannot_redirect_the_kernel: [Root],
        files_of_subordinate_ids_are_told_and_committed: [Root, Command("newuidmap"), Other(attributes_in_a_tmpfs)],
        owners_of_layers_are_shifted_for_a_container_of_other_ids: [Root, Other(attributes_in_a_tmpfs)],
        help_reads_well,
        the_explained_mount_is_the_mount,
    });
    conformance::checkpoint::main(tests)
}
