//! Images: as other tools make them and as they are given back to them, from archives and from
//! registries, and what hostile ones must not do. The tests' subjects are in the files beside this
//! one.

#[path = "images/bad.rs"]
mod bad;
#[path = "images/carried.rs"]
mod carried;
#[path = "images/made.rs"]
mod made;
#[path = "images/names.rs"]
mod names;
#[path = "images/others.rs"]
mod others;
#[path = "verbs/scene.rs"]
mod scene;

use bad::*;
use carried::*;
use names::*;

conformance::checkpoint! {
    // carried.rs
    every_form_of_an_image_is_the_same_image: [Command("umoci"), Command("skopeo")],
    what_is_saved_is_read_by_others: [Command("umoci"), Command("skopeo")],
    the_store_itself_is_a_layout: [Command("umoci"), Command("skopeo")],
    what_is_saved_is_loaded_again,

    // names.rs
    images_have_names: [Command("umoci")],
    an_image_that_lost_its_name_stays_until_prune: [Command("umoci")],
    what_a_container_was_made_from_stays: [Filesystem("overlay")],
    many_loads_at_once_are_one: [Command("umoci")],
    a_killed_load_leaves_nothing_after_prune: [Command("umoci")],

    // bad.rs
    what_is_no_image_is_refused_in_one_line: [Command("umoci")],
    a_layer_that_is_not_what_it_says_is_not_unpacked: [Filesystem("overlay")],
}
