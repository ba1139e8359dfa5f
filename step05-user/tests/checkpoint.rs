//! The checkpoint of step 5: ids, users, capabilities. The tests' subjects are in the files beside
//! this one.

use std::process::ExitCode;

#[path = "checkpoint/capabilities.rs"]
mod capabilities;
#[path = "checkpoint/errors.rs"]
mod errors;
#[path = "checkpoint/files.rs"]
mod files;
#[path = "checkpoint/ids.rs"]
mod ids;
#[path = "checkpoint/scene.rs"]
mod scene;
#[path = "checkpoint/users.rs"]
mod users;
#[path = "checkpoint/words.rs"]
mod words;

fn main() -> ExitCode {
    let tests = [
        capabilities::tests(),
        errors::tests(),
        files::tests(),
        ids::tests(),
        users::tests(),
        words::tests(),
    ];
    conformance::checkpoint::main(tests.into_iter().flatten().collect())
}
