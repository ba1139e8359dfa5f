//! `config.json`: what a container is to be, as the OCI runtime specification 1.3 has it.
//!
//! The types are the specification's own, name by name, with what Linux has. Properties that are
//! not known are ignored, as it demands ("Extensibility" in config.md); values that are not known
//! are errors, which say where in the file they are.
//!
//! | file | subject |
//! | --- | --- |
//! | `config.rs` | the file as a whole: root, mounts, hooks |
//! | `process.rs` | the command: user, capabilities, limits, scheduling |
//! | `linux.rs` | namespaces, devices and what else Linux has |
//! | `resources.rs` | what control groups hold a container to |
//! | `seccomp.rs` | which system calls it may make |
//! | `state.rs` | what is told of a container |
//! | `names.rs` | the words that a property takes |
//! | `load.rs` | reading and checking a file |
//! | `template.rs` | the file that `spec` writes |

mod config;
mod linux;
mod load;
mod names;
mod process;
mod resources;
pub mod seccomp;
mod state;
mod template;

pub use config::{Config, Hook, Hooks, Mount, Root};
pub use linux::{
    Device, IdMapping, IntelRdt, Linux, MemoryPolicy, MemoryPolicyFlag, MemoryPolicyMode,
    Namespace, NamespaceKind, NetDevice, Personality, PersonalityDomain, Propagation, TimeOffset,
};
pub use load::{VERSION, load, load_config, load_process, load_resources};
pub use names::names;
pub use process::{
    Capabilities, CpuAffinity, IoClass, IoPriority, Process, Rlimit, Scheduler, Size, User,
};
pub use resources::{
    BlockIo, Cpu, DeviceRule, HugepageLimit, Memory, Network, Pids, Priority, Rdma, Resources,
    ThrottleDevice, WeightDevice,
};
pub use state::{State, Status};
pub use template::{Owner, template};
