//! Step 1: the skeleton of a container, and the two namespaces that need only a flag.
//!
//! A container is a process that the kernel shows a world of its own. Everything that makes up
//! that world is a [`Layer`]; [`Container`] stacks layers, and runs a command on top of them.
//!
//! | file | subject |
//! | --- | --- |
//! | `uts.rs`, `ipc.rs` | the two layers of this step |
//! | `layer.rs` | what a layer is: its hooks, and the stack they stand in |
//! | `container.rs` | the driver: calls the hooks at their moments, on the host's side |
//! | `child.rs` | the other side: what the container's first process does until `exec` |
//! | `hold.rs` | a container that is made and waits for its start |
//! | `process.rs` | the command: arguments, environment, working directory, `exec` |
//! | `clone.rs` | `clone3`, and why the kernel might refuse it |
//! | `explain.rs` | acting on the kernel, and saying so |
//! | `report.rs` | how an error gets from the container to the person |
//! | `signals.rs` | waiting for a process while passing signals on to it |
//! | `cli.rs` | the command line that every step extends |
//!
//! Left out here, on purpose: everything that the container still shares with the host. After
//! this step it has its own host name and its own message queues, and sees all else.

mod child;
mod cli;
pub mod clone;
mod container;
mod explain;
mod hold;
mod ipc;
mod layer;
mod process;
mod report;
pub mod signals;
mod uts;

pub use cli::{Args, Cli, Step, main, one_line};
pub use container::{Container, Running};
pub use explain::{Explain, Side, lazy, sh};
pub use hold::Hold;
pub use ipc::Ipc;
pub use layer::{Layer, Stack};
pub use process::{DEFAULT_PATH, Process, cwd_is_inside_root};
pub use report::Failure;
pub use signals::Status;
pub use uts::Uts;
