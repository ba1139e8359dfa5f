//! The exercises of the final runtime (see `exercises.toml`): each test tells one who has begun to write
//! a piece anew what is not right yet. What the whole runtime promises, the other files here try.

#[path = "oci/bundle.rs"]
mod bundle;
#[path = "checkpoint/kernel.rs"]
mod kernel;
#[path = "checkpoint/layers.rs"]
mod layers;
#[path = "checkpoint/process.rs"]
mod process;
#[allow(dead_code)] // no exercise is about the background
#[path = "verbs/scene.rs"]
mod scene;

use kernel::*;
use layers::*;
use process::*;

conformance::checkpoint! {
    // process.rs
    start_ends_when_the_command_has_begun: [Root],
    start_tells_why_there_is_no_command: [Root],
    the_directory_is_inside: [Root],
    the_directory_is_entered_while_root_still_may: [Root],
    exec_enters_all_that_the_container_is_in: [Root],
    exec_is_in_the_groups_of_the_container: [Root],

    // layers.rs
    a_chain_of_layers_is_one_root: [Filesystem("overlay")],
    a_container_is_read_with_what_it_has_written: [Filesystem("overlay")],

    // kernel.rs
    a_filter_compares_all_64_bits: [Root],
    a_filter_looks_at_the_bits_of_the_mask_alone: [Root],
    a_program_grants_what_a_rule_grants_and_no_more:
        [Root, CgroupV2(""), Other(without_device_programs)],
}
