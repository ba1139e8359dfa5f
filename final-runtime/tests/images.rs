//! Images: as other tools make them and as they are given back to them, from archives and from
//! registries, and what hostile ones must not do. The tests' subjects are in the files beside this
//! one.

#[path = "images/bad.rs"]
mod bad;
#[path = "images/carried.rs"]
mod carried;
#[path = "images/changes.rs"]
mod changes;
#[path = "images/config.rs"]
mod config;
#[path = "images/cp.rs"]
mod cp;
#[path = "images/debian.rs"]
mod debian;
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
#[path = "images/users.rs"]
mod users;

use bad::*;
use carried::*;
use changes::*;
use config::*;
use cp::*;
use debian::*;
use hostile::*;
use names::*;
use registry::*;
use users::*;

conformance::checkpoint! {
    // carried.rs
    a_layout_of_umocis_is_loaded_and_run: [Filesystem("overlay"), Command("umoci")],
    every_driver_shows_the_same_files: [Filesystem("overlay"), Command("umoci")],
    an_ordinary_user_loads_and_runs: [Filesystem("overlay"), UserNamespaces, Command("umoci")],
    an_archive_of_buildahs_is_loaded_and_run: [Root, Filesystem("overlay"), Command("buildah")],
    every_form_of_an_image_is_the_same_image: [Command("umoci"), Command("skopeo")],
    what_is_saved_is_read_by_others: [Command("umoci"), Command("skopeo")],
    the_store_itself_is_a_layout: [Command("umoci"), Command("skopeo")],
    what_is_saved_is_loaded_again,

    // names.rs
    images_have_names: [Command("umoci")],
    an_image_that_lost_its_name_stays_until_prune: [Command("umoci")],
    what_a_container_was_made_from_stays: [Filesystem("overlay")],
    what_a_container_was_loaded_from_stays: [Filesystem("overlay"), Command("umoci")],
    many_loads_at_once_are_one: [Command("umoci")],
    a_killed_load_leaves_nothing_after_prune: [Command("umoci")],

    // bad.rs
    what_is_no_image_is_refused_in_one_line: [Command("umoci")],
    a_layer_that_is_not_what_it_says_is_not_unpacked: [Filesystem("overlay")],

    // config.rs
    the_configuration_is_honoured: [Filesystem("overlay"), Command("umoci")],
    what_is_asked_for_goes_before: [Filesystem("overlay"), Command("umoci")],
    volumes_begin_as_the_image_has_them: [Filesystem("overlay"), Command("umoci")],
    a_volume_reads_nothing_of_the_host: [Filesystem("overlay"), Command("umoci")],
    stop_sends_the_images_signal: [Filesystem("overlay"), Command("umoci")],
    all_exposed_ports_are_published: [Root, Filesystem("overlay"), Command("umoci")],

    // changes.rs
    changes_are_listed_by_every_driver: [Filesystem("overlay"), Command("umoci")],
    a_commit_is_an_image_with_one_layer_more: [Filesystem("overlay"), Command("umoci"), Command("skopeo")],
    what_runs_is_committed_and_goes_on: [Filesystem("overlay")],
    what_is_exported_is_imported: [Filesystem("overlay"), Command("umoci")],
    an_ordinary_user_commits_and_exports: [Filesystem("overlay"), UserNamespaces],
    bad_archives_are_not_imported,

    // cp.rs
    files_are_copied_out_and_in: [Filesystem("overlay")],
    files_of_a_stopped_container_are_copied: [Filesystem("overlay")],
    an_ordinary_user_copies_too: [Filesystem("overlay"), UserNamespaces],
    archives_are_copied_out_and_in: [Filesystem("overlay")],
    no_link_leads_a_copy_to_the_host: [Filesystem("overlay")],
    owners_are_kept_if_asked_for: [Root, Filesystem("overlay")],

    // debian.rs
    debian_is_imported_and_run:
        [Root, Filesystem("overlay"), Command("mmdebstrap"), Other(debian::mirror)],

    // registry.rs
    an_image_is_pulled_and_run:
        [Root, Filesystem("overlay"), Command("umoci"), Command("skopeo"), Command("docker-registry")],
    a_registry_may_want_a_password:
        [Root, Command("umoci"), Command("skopeo"), Command("docker-registry"), Command("htpasswd")],
    a_registry_may_want_a_token: [Root],
    the_image_for_this_machine_is_chosen: [Root],
    what_was_broken_off_is_gone_on_with: [Root],
    a_busy_registry_is_asked_again: [Root],

    // users.rs
    a_root_that_is_another_user_reaches_its_own_files:
        [Root, Filesystem("overlay"), Command("umoci")],
    layers_are_unpacked_for_an_ordinary_user: [Filesystem("overlay"), UserNamespaces, Command("umoci")],

    // hostile.rs
    what_a_registry_says_is_checked: [Root],
    an_endless_manifest_is_left_off: [Root],
    credentials_go_to_nobody_else: [Root],
    a_registry_elsewhere_must_speak_https: [Root],
}
