//! A container runtime made of the seven steps: all of the program but its `main`.
//!
//! | folder | subject |
//! | --- | --- |
//! | `cli/` | one file a verb |
//! | `layers/` | the layers that the steps do not have |
//! | `spec/` | `config.json`, as the OCI runtime specification has it |
//! | `oci/` | containers of bundles: created, started, deleted by separate commands |
//! | `lifecycle/` | what is written down of a container, and who looks after it |
//! | `archive/` | layers as archives: unpacking and packing |
//! | `image/` | what containers are made from |
//! | `storage/` | drivers that make root file systems of layers |
//! | `store.rs` | where all of it is kept |
//! | `copy.rs` | files from one tree to another |
//! | `account.rs` | users by name |
//! | `signal.rs` | signals by name |
//! | `own_binary.rs` | keeping this program out of containers' reach |

mod account;
pub mod archive;
pub mod cli;
mod copy;
pub mod image;
mod layers;
mod lifecycle;
mod oci;
pub mod own_binary;
mod signal;
pub mod spec;
pub mod storage;
mod store;

pub use layers::seccomp;
pub use oci::{check_layers, device_rules};
