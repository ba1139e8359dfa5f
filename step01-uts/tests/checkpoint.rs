//! The checkpoint of step 1: host name, message queues, and the skeleton that runs a command. The
//! tests' subjects are in the files beside this one.

use std::process::ExitCode;

#[path = "checkpoint/command.rs"]
mod command;
#[path = "checkpoint/driver.rs"]
mod driver;
#[path = "checkpoint/end.rs"]
mod end;
#[path = "checkpoint/errors.rs"]
mod errors;
#[path = "checkpoint/namespaces.rs"]
mod namespaces;
#[path = "checkpoint/scene.rs"]
mod scene;
#[path = "checkpoint/words.rs"]
mod words;

fn main() -> ExitCode {
    let tests = [
        command::tests(),
        driver::tests(),
        end::tests(),
        errors::tests(),
        namespaces::tests(),
        words::tests(),
    ];
    conformance::checkpoint::main(tests.into_iter().flatten().collect())
}
