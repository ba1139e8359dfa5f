//! Step 5: a user namespace, in which root is nobody outside, and the end of root's privileges:
//! capabilities, `no_new_privs`, and a user for the command.
//!
//! | file | subject |
//! | --- | --- |
//! | `user_namespace.rs` | the bottom layer: ids of the container's own |
//! | `id_map.rs` | which number inside stands for which outside: `--userns` |
//! | `subid.rs` | the ids that the system lends a user: `/etc/subuid`, `/etc/subgid` |
//! | `map_file.rs` | giving a map to the kernel: `uid_map`, `newuidmap`, `setgroups` |
//! | `id_mapped.rs` | an id-mapped mount: the root file system's owners in the container's numbers |
//! | `capabilities.rs` | the upper layer: the command's user, and what is left of root's power |
//! | `cap_sets.rs` | the five capability sets of a process, and their system calls |
//! | `cap.rs` | the capabilities by name, and sets of them |
//! | `cap_choice.rs` | Docker's default list, `--cap-add` and `--cap-drop` |
//! | `user.rs` | `--user` |
//! | `cli.rs` | the flags |
//!
//! From this step on nobody needs to be root: whoever is not gets a user namespace by default, and
//! in it the right to make all the namespaces of the steps before.
//!
//! Left out here, on purpose: users and groups by name, which are the image's matter
//! (`/etc/passwd` in it), and come with images; seccomp, which is not a namespace, a mount or a
//! credential, and comes with the final runtime.

mod cap;
mod cap_choice;
mod cap_sets;
mod capabilities;
mod cli;
mod id_map;
mod id_mapped;
pub mod map_file;
mod subid;
mod user;
mod user_namespace;

pub use cap::{Cap, CapSet};
pub use cap_choice::{CapChoice, CapName};
pub use cap_sets::CapSets;
pub use capabilities::Capabilities;
pub use cli::{Args, Privileges};
pub use id_map::{IdMaps, Range, Userns};
pub use step04::{self, *};
pub use user::User;
pub use user_namespace::UserNamespace;
