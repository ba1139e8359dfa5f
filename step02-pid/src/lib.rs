//! Step 2: a PID namespace, in which the container's command is process 1 of its own world.
//!
//! | file | subject |
//! | --- | --- |
//! | `pid.rs` | the layer |
//! | `init.rs` | a small process 1 for commands that do not want to be one themselves |
//! | `hide.rs` | what that process must not tell the others |
//! | `cli.rs` | the flag |
//!
//! Left out here, on purpose: `/proc` still shows the host's processes, since it is a mount, and
//! mounts are step 3. `ps` in this step's container is a good way to see that.

mod cli;
mod hide;
mod init;
mod pid;

pub use cli::Args;
pub use init::Init;
pub use pid::PidNamespace;
pub use step01::{self, *};
