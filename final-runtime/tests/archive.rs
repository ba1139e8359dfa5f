//! What unpacking and packing of layers does and must not do. The tests' subjects are in the files
//! beside this one.

#[path = "archive/craft.rs"]
mod craft;
#[path = "archive/hostile.rs"]
mod hostile;
#[path = "archive/oracle.rs"]
mod oracle;
#[path = "archive/packed.rs"]
mod packed;
#[path = "archive/scene.rs"]
mod scene;
#[path = "archive/whiteouts.rs"]
mod whiteouts;

use hostile::*;
use oracle::*;
use packed::*;
use whiteouts::*;

conformance::checkpoint! {
    // hostile.rs
    nothing_goes_through_a_symbolic_link_of_the_same_layer,
    a_directory_in_place_of_a_link_is_a_directory,
    links_of_layers_below_are_replaced,
    paths_stay_beneath,
    hard_links_stay_in_the_layer,
    duplicate_entries_replace_and_do_not_write_through,
    an_archive_in_an_archive_is_a_file,
    damaged_archives_are_refused,
    no_header_leads_outside,
    overlays_own_marks_are_not_unpacked,
    whiteouts_that_make_no_sense_are_refused,
    limits_hold,
    modes_of_directories_are_not_in_the_way,

    // whiteouts.rs
    both_ways_show_the_same: [Root, Filesystem("overlay")],
    directories_without_an_entry_stay_as_they_are: [Root, Filesystem("overlay")],

    // oracle.rs
    gnu_tar_unpacks_the_same: [Root, Command("tar")],
    gnu_tar_unpacks_what_is_packed: [Root, Command("tar")],

    // packed.rs
    changes_are_packed_the_same_from_both_sources: [Root, Filesystem("overlay")],
    what_no_layer_can_hold_is_left_out_and_told: [Root, Filesystem("overlay")],
    an_upper_with_half_a_file_is_refused: [Root, Filesystem("overlay")],
    a_layer_without_changes_is_an_empty_archive: [Root, Filesystem("overlay")],
}
