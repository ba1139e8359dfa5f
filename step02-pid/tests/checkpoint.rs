//! The checkpoint of step 2: processes of its own, an init, and an end that takes all along. The
//! tests' subjects are in the files beside this one.

use std::process::ExitCode;

#[path = "checkpoint/end.rs"]
mod end;
#[path = "checkpoint/init.rs"]
mod init;
#[path = "checkpoint/namespace.rs"]
mod namespace;
#[path = "checkpoint/scene.rs"]
mod scene;
#[path = "checkpoint/words.rs"]
mod words;

fn main() -> ExitCode {
    let tests = [end::tests(), init::tests(), namespace::tests(), words::tests()];
    conformance::checkpoint::main(tests.into_iter().flatten().collect())
}
