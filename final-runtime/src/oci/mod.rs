//! Containers of bundles: the life of a container as the OCI runtime specification divides it
//! among commands, so that an engine can drive it.
//!
//! ```text
//!   create   the stack of layers is made, its first process waits at the gate     created
//!   start    opens the gate, and the process becomes the command                  running
//!   kill     sends it a signal
//!   delete   gives back what is left of one that has ended                        (gone)
//! ```
//!
//! No process of the runtime stays in between. What the next command has to know is written down:
//!
//! ```text
//! ROOT/ID/config.json   the configuration, as it was when the container was made
//!         record.json   where it is: its groups and, once there is one, its first process
//!         start, answer the gate's two pipes
//! ```
//!
//! | file | subject |
//! | --- | --- |
//! | `place.rs` | the directory `ROOT/ID` and its lock |
//! | `record.rs` | `record.json` |
//! | `gate.rs` | the gate between `create` and `start` |
//! | `stack.rs` | the layers that a configuration asks for |
//! | `capabilities.rs` | who its command is, and what that may do |
//! | `mounts.rs` | its mounts |
//! | `groups.rs` `limits.rs` | its control group, and what that holds it to |
//! | `properties.rs` | what systemd is told of it besides |
//! | `filter.rs` | its filter of system calls |
//! | `namespaces.rs` | its namespaces, new or joined |
//! | `home.rs` | where its user is at home |
//! | `hooks.rs` | programs to be called meanwhile |
//! | `create.rs` `start.rs` `delete.rs` `exec.rs` | the commands that change something |
//! | `container.rs` | a container that is there: its status, its process |
//! | `console.rs` | handing a terminal to an engine |

mod capabilities;
mod console;
mod container;
mod create;
mod delete;
mod exec;
mod filter;
mod gate;
mod groups;
mod home;
mod hooks;
mod limits;
mod mounts;
mod namespaces;
mod place;
mod properties;
mod record;
mod stack;
mod start;

pub use container::Container;
pub use create::{Create, create, run};
pub use delete::{delete, force};
pub use exec::Exec;
pub use limits::device_rules;
pub use mounts::option_words;
pub use place::{Root, default_root};
pub use stack::{Asked, check_layers};
pub use start::start;
