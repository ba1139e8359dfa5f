//! Images: as other tools make them and as they are given back to them, from archives and from
//! registries, and what hostile ones must not do. The tests' subjects are in the files beside this
//! one.

#[path = "images/bad.rs"]
mod bad;
#[path = "images/carried.rs"]
mod carried;
#[path = "images/hostile.rs"]
mod hostile;
#[path = "images/made.rs"]
mod made;
#[path = "images/names.rs"]
mod names;
#[path = "images/others.rs"]
mod others;
#[path = "images/registry.rs"]
mod registry;
#[path = "verbs/scene.rs"]
mod scene;
#[path = "images/server.rs"]
mod server;

use bad::*;
use carried::*;
use hostile::*;
use names::*;
use registry::*;

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

    // registry.rs
    an_image_is_pulled:
        [Root, Command("umoci"), Command("skopeo"), Command("docker-registry")],
    a_registry_may_want_a_password:
        [Root, Command("umoci"), Command("skopeo"), Command("docker-registry"), Command("htpasswd")],
    a_registry_may_want_a_token: [Root],
    the_image_for_this_machine_is_chosen: [Root],
    what_was_broken_off_is_gone_on_with: [Root],
    a_busy_registry_is_asked_again: [Root],

    // hostile.rs
    what_a_registry_says_is_checked: [Root],
    an_endless_manifest_is_left_off: [Root],
    credentials_go_to_nobody_else: [Root],
    a_registry_elsewhere_must_speak_https: [Root],
}
