//! What every storage driver promises. The tests' subjects are in the files beside this one; each
//! of them is run once for each driver.

#[path = "storage/contents.rs"]
mod contents;
#[path = "storage/files.rs"]
mod files;
#[path = "storage/layers.rs"]
mod layers;
#[path = "storage/life.rs"]
mod life;
#[path = "storage/many.rs"]
mod many;
#[path = "storage/world.rs"]
mod world;

use std::process::ExitCode;

use anyhow::Result;
use conformance::checkpoint::{Test, one_at_a_time};

use world::{DRIVERS, Driver, World, own_mounts};

/// A test: its name, and what it does with a driver's store.
type Case = (&'static str, fn(&World) -> Result<()>);

/// What is asked of each driver.
const CASES: [Case; 17] = [
    ("keeps_files_of_every_kind", contents::keeps_files_of_every_kind),
    ("shows_each_change_to_a_parent", contents::shows_each_change_to_a_parent),
    ("leaves_the_parent_as_it_is", contents::leaves_the_parent_as_it_is),
    ("keeps_siblings_apart", contents::keeps_siblings_apart),
    ("stands_on_a_hundred_layers", contents::stands_on_a_hundred_layers),
    ("takes_an_archives_whiteouts", contents::takes_an_archives_whiteouts),
    ("unpacks_a_layer_like_all_others", layers::a_layer_is_the_same_wherever_it_is_unpacked),
    ("tells_exactly_what_has_changed", layers::tells_exactly_what_has_changed),
    ("refuses_to_write_to_what_is_sealed", life::refuses_to_write_to_what_is_sealed),
    ("refuses_to_remove_what_others_stand_on", life::refuses_to_remove_what_others_stand_on),
    ("fills_all_or_nothing", life::fills_all_or_nothing),
    ("says_how_much_room_it_takes", life::says_how_much_room_it_takes),
    ("lets_nobody_else_in", life::lets_nobody_else_in),
    ("finds_what_is_half_made", life::finds_what_is_half_made),
    ("finds_what_is_lost", life::finds_what_is_lost),
    ("is_shared_by_many_at_once", many::is_shared_by_many_at_once),
    ("loses_nothing_that_was_sealed", many::loses_nothing_that_was_sealed),
];

fn main() -> ExitCode {
    if let Some(code) = many::helper() {
        return code;
    }
    own_mounts();
    let each = |driver: &'static Driver| CASES.iter().map(move |case| test(driver, case));
    one_at_a_time(DRIVERS.iter().flat_map(each).collect())
}

fn test(driver: &'static Driver, case: &Case) -> Test {
    let (name, body) = (format!("{}_{}", driver.name, case.0), case.1);
    Test::new(name.leak(), move || body(&World::new(driver)?), driver.needs)
}
