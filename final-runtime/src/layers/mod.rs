//! The layers that the steps do not have.

pub mod affinity;
pub mod cwd;
pub mod devices;
pub mod habits;
pub mod hooks;
pub mod intel_rdt;
pub mod join;
pub mod label;
pub mod loopback;
pub mod memory_policy;
pub mod namespaces;
pub mod net_devices;
pub mod pivot;
pub mod prepared;
pub mod priority;
pub mod propagation;
pub mod rlimits;
pub mod rootfs;
pub mod seccomp;
pub mod session;
pub mod stdio;
pub mod sysctl;
pub mod terminal;
pub mod time;
pub mod within;
