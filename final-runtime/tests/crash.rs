//! A program that is killed, wherever it is: what it leaves, `check` finds and mends.
//!
//! The kernel tells of each system call before it is carried out (see ptrace(2)), so a test can end
//! the program at the very one that it wants. That is done for each verb that changes the store, and
//! each driver; and for a bundle's container.

#[path = "oci/bundle.rs"]
mod bundle;
#[path = "crash/oci.rs"]
mod oci;
#[path = "crash/scene.rs"]
mod scene;
#[path = "crash/tracer.rs"]
mod tracer;
#[path = "crash/verbs.rs"]
mod verbs;

use std::process::ExitCode;

use anyhow::Result;
use conformance::{Need, Sandbox, checkpoint::Test};

use scene::Scene;

/// A driver, and what its tests need.
const DRIVERS: [(&str, &[Need]); 4] = [
    ("overlay", &[Need::Root, Need::Filesystem("overlay")]),
    ("btrfs", &[Need::Root, Need::Filesystem("btrfs"), Need::Command("mkfs.btrfs")]),
    ("vfs", &[Need::Root]),
    ("devicemapper", &[Need::DeviceMapper, Need::Command("mkfs.ext4")]),
];

/// A verb, and what is done about its end.
type Case = (&'static str, fn(&Scene) -> Result<()>);

const CASES: [Case; 5] = [
    ("load", verbs::load),
    ("run", verbs::run),
    ("commit", verbs::commit),
    ("rm", verbs::rm),
    ("rmi", verbs::rmi),
];

fn main() -> ExitCode {
    if let Some(code) = tracer::main() {
        return code;
    }
    let each = |(driver, needs)| CASES.iter().map(move |case| test(driver, needs, *case));
    let bundles = Test::new(
        "run_of_a_bundle_may_be_killed_anywhere",
        oci::run_of_a_bundle_may_be_killed_anywhere,
        &[Need::Root],
    );
    conformance::checkpoint::main(DRIVERS.into_iter().flat_map(each).chain([bundles]).collect())
}

fn test(driver: &'static str, needs: &[Need], (verb, act): Case) -> Test {
    let name = format!("{driver}_{verb}_may_be_killed_anywhere");
    let body = move |sandbox: &Sandbox| Scene::with(sandbox, driver, act);
    Test::new(name.leak(), body, needs)
}
