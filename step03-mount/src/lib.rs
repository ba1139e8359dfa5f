//! Step 3: a mount namespace, in which the container has a root file system of its own.
//!
//! | file | subject |
//! | --- | --- |
//! | `propagation.rs` | the first layer: mounts on either side stay on that side |
//! | `mount.rs` | the second layer: a rootfs, filled and made the root |
//! | `mount_point.rs` | a mount as data: what, where and how |
//! | `mounting.rs` | how such data becomes a mount |
//! | `defaults.rs` | what every container has mounted, hidden, or read-only |
//! | `dev.rs` | the devices and links in `/dev` |
//! | `mask.rs` | hiding paths, and making them read-only |
//! | `pivot.rs` | `pivot_root`, and the end of the old root |
//! | `root.rs` | how a path in a container is resolved so that it cannot lead outside |
//! | `mount_api.rs` | the system calls that mount by descriptors |
//! | `options.rs` | words for mount flags |
//! | `volume.rs`, `env.rs` | values of `--volume`, `--tmpfs` and `--env` |
//! | `cli.rs` | the flags |
//!
//! Left out here, on purpose: root in this step's container is still root, with every capability;
//! it can mount, unmount, and make any device it likes. That ends with step 5. Kernels older than
//! 5.12 lack the system calls used here, and there is no second way for them.

mod cli;
mod defaults;
mod dev;
mod env;
mod mask;
mod mount;
pub mod mount_api;
mod mount_point;
mod mounting;
mod options;
mod pivot;
mod propagation;
pub mod root;
mod volume;

pub use cli::Args;
pub use defaults::{default_masked_paths, default_mounts, default_read_only_paths};
pub use dev::{DEFAULT_DEVICES, Device, link as link_devices};
pub use env::Variable;
pub use mount::Mount;
pub use mount_point::{Fill, MountPoint, Ready, Source};
pub use options::{apply as apply_flag, words as flag_words};
pub use pivot::pivot;
pub use propagation::Propagation;
pub use step02::{self, *};
pub use volume::{Tmpfs, Volume};
