//! `process`: the command and what it may do. See "Process" in config.md of the OCI runtime
//! specification.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A command.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// Whether it has a terminal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub terminal: bool,
    /// The terminal's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_size: Option<Size>,
    /// Who it is.
    #[serde(default)]
    pub user: User,
    /// The program and its arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Its environment, `NAME=VALUE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Its working directory, absolute.
    pub cwd: PathBuf,
    /// What it may do; without, what the runtime may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// See setrlimit(2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rlimits: Vec<Rlimit>,
    /// That no program that it executes gives it more power. See PR_SET_NO_NEW_PRIVS(2const).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_new_privileges: bool,
    /// See apparmor(7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apparmor_profile: Option<String>,
    /// −1000 to 1000. See proc_pid_oom_score_adj(5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_score_adj: Option<i32>,
    /// See sched_setattr(2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<Scheduler>,
    /// See selinux(8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selinux_label: Option<String>,
    /// See ioprio_set(2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io_priority: Option<IoPriority>,
    /// On which CPUs it is, if it is one that joins a container.
    #[serde(rename = "execCPUAffinity", default, skip_serializing_if = "Option::is_none")]
    pub exec_cpu_affinity: Option<CpuAffinity>,
}

/// A terminal's size, in characters.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Size {
    /// Lines.
    pub height: u16,
    /// Columns.
    pub width: u16,
}

/// Somebody, by the container's numbers.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// User id.
    #[serde(default)]
    pub uid: u32,
    /// Primary group id.
    #[serde(default)]
    pub gid: u32,
    /// See umask(2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub umask: Option<u32>,
    /// Supplementary group ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_gids: Vec<u32>,
}

/// Five sets, by names as in `CAP_CHOWN`. See capabilities(7).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Capabilities {
    /// What the kernel looks at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub effective: Vec<String>,
    /// What no execve(2) goes beyond.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bounding: Vec<String>,
    /// What a program whose file has it too is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inheritable: Vec<String>,
    /// What may be made effective.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permitted: Vec<String>,
    /// What is kept by one who is not root.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ambient: Vec<String>,
}

/// A limit of setrlimit(2).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Rlimit {
    /// Which, as in `RLIMIT_NOFILE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it can be raised to; the largest number is none.
    pub hard: u64,
    /// What holds.
    pub soft: u64,
}

/// What sched_setattr(2) is told.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Scheduler {
    /// As in `SCHED_BATCH`.
    pub policy: String,
    /// −20 to 19, for SCHED_OTHER and SCHED_BATCH.
    #[serde(default)]
    pub nice: i32,
    /// 1 to 99, for SCHED_FIFO and SCHED_RR.
    #[serde(default)]
    pub priority: i32,
    /// As in `SCHED_FLAG_RESET_ON_FORK`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Nanoseconds, for SCHED_DEADLINE.
    #[serde(default)]
    pub runtime: u64,
    /// Nanoseconds, for SCHED_DEADLINE.
    #[serde(default)]
    pub deadline: u64,
    /// Nanoseconds, for SCHED_DEADLINE.
    #[serde(default)]
    pub period: u64,
}

/// What ioprio_set(2) is told.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct IoPriority {
    /// Which kind.
    pub class: IoClass,
    /// 0 to 7, the most urgent first.
    #[serde(default)]
    pub priority: u8,
}

/// The kinds of urgency of ioprio_set(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum IoClass {
    /// Before all others.
    #[serde(rename = "IOPRIO_CLASS_RT")]
    RealTime,
    /// As others.
    #[serde(rename = "IOPRIO_CLASS_BE")]
    BestEffort,
    /// When nobody else wants anything.
    #[serde(rename = "IOPRIO_CLASS_IDLE")]
    Idle,
}

/// Lists of CPUs, as in `0-3,7`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct CpuAffinity {
    /// Before it is in the container's group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<String>,
    /// After.
    #[serde(rename = "final", default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}
