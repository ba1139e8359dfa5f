//! Step 6: a control group, which holds the container to limits and counts what it uses, and a
//! cgroup namespace, which hides where in the host's tree that group is.
//!
//! | file | subject |
//! | --- | --- |
//! | `cgroup.rs` | the layer |
//! | `hierarchy.rs` | where cgroups are on this machine: v1, v2, hybrid; what is delegated |
//! | `group.rs` | a container's group: making, killing and removing it |
//! | `directory.rs` | whose a group is, and what a killed runtime has left |
//! | `door.rs` | joining a group |
//! | `manager.rs` | who makes it: this program, or systemd |
//! | `systemd.rs` `scope.rs` `keeper.rs` | asking systemd, what for, and who is in it |
//! | `dbus.rs` | the language in which it is asked |
//! | `fit.rs` | whether a group can hold a container |
//! | `enable.rs` | giving controllers to a group of v2 |
//! | `files.rs` | writing limits and reading numbers |
//! | `controller.rs` `setting.rs` | what a controller is, and one value that it writes |
//! | `memory.rs` `cpu.rs` `cpuacct.rs` `cpuset.rs` `pids.rs` | one controller each, in both dialects |
//! | `devices.rs` `device_rule.rs` | the devices controller, and a line of its list |
//! | `io.rs` `disk.rs` | the io controller, and a disk with a setting for it |
//! | `device_program.rs` `bpf.rs` | the same for v2: a program, and how the kernel takes it |
//! | `hugetlb.rs` | the hugetlb controller |
//! | `net_cls.rs` | whose packets they are |
//! | `perf_event.rs` `perf.rs` | counting events, and how the kernel does it |
//! | `freezer.rs` | standing still and going on |
//! | `why_not.rs` | why a limit cannot be had |
//! | `view.rs` | what the container sees of it at `/sys/fs/cgroup` |
//! | `stats.rs` | what was used, as a table |
//! | `limits.rs` | all of them, with their flags |
//! | `size.rs` `memory_limit.rs` `cpu_time.rs` `set.rs` | how bytes, time and sets of CPUs are told |
//! | `group_path.rs` `cli.rs` | the other flags |

pub mod bpf;
mod cgroup;
mod cli;
mod controller;
mod cpu;
mod cpu_time;
mod cpuacct;
mod cpuset;
pub mod dbus;
mod device_list;
pub mod device_program;
mod device_rule;
mod devices;
mod directory;
mod disk;
mod door;
mod enable;
mod files;
mod fit;
mod freezer;
mod group;
mod group_path;
mod hierarchy;
mod hugetlb;
mod io;
mod keeper;
mod limits;
mod manager;
mod memory;
mod memory_limit;
mod net_cls;
pub mod perf;
mod perf_event;
mod pids;
mod scope;
mod set;
mod setting;
mod size;
mod stats;
pub mod systemd;
pub mod view;
mod why_not;

pub use cgroup::Cgroup;
pub use cli::Args;
pub use controller::{Controller, Usage, Value};
pub use cpu::Cpu;
pub use cpu_time::{Cpus, Quota};
pub use cpuacct::CpuAcct;
pub use cpuset::{Cpuset, Partition};
pub use device_rule::{Access, DeviceRule, Kind};
pub use devices::Devices;
pub use disk::OnDisk;
pub use door::Door;
pub use files::Files;
pub use freezer::Freezer;
pub use group::{Group, Place};
pub use group_path::GroupPath;
pub use hierarchy::{Hierarchy, Version, unescape};
pub use hugetlb::{HugePages, HugeTlb};
pub use io::{Io, Rate, Weight};
pub use limits::Limits;
pub use manager::CgroupManager;
pub use memory::Memory;
pub use memory_limit::{MemoryLimit, SwapLimit};
pub use net_cls::{ClassId, NetCls};
pub use perf_event::PerfEvent;
pub use pids::{Pids, PidsLimit};
pub use scope::{Scope, scope_of};
pub use set::Set;
pub use setting::Setting;
pub use size::size;
pub use stats::{Stats, bytes};
pub use step05::{self, *};
