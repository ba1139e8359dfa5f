//! How urgent a process is to the kernel: `process.oomScoreAdj`, `scheduler`, `ioPriority`.
//!
//! See proc_pid_oom_score_adj(5), sched_setattr(2), ioprio_set(2). The host's side sets them, since to
//! be more urgent than others takes its capabilities.

use std::fs;

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::{errno::Errno, unistd::Pid};
use step07::{Explain, Layer};

use crate::spec::{IoClass, IoPriority, Process, Scheduler};

/// The layer that sets them.
pub struct Urgency {
    oom_score_adj: Option<i32>,
    scheduler: Option<(Scheduler, Attributes)>,
    io: Option<IoPriority>,
}

/// `struct sched_attr`, in its first version.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

const POLICIES: [(&str, u32); 7] = [
    ("SCHED_OTHER", 0),
    ("SCHED_FIFO", 1),
    ("SCHED_RR", 2),
    ("SCHED_BATCH", 3),
    ("SCHED_ISO", 4),
    ("SCHED_IDLE", 5),
    ("SCHED_DEADLINE", 6),
];

const FLAGS: [(&str, u64); 7] = [
    ("SCHED_FLAG_RESET_ON_FORK", 0x01),
    ("SCHED_FLAG_RECLAIM", 0x02),
    ("SCHED_FLAG_DL_OVERRUN", 0x04),
    ("SCHED_FLAG_KEEP_POLICY", 0x08),
    ("SCHED_FLAG_KEEP_PARAMS", 0x10),
    ("SCHED_FLAG_UTIL_CLAMP_MIN", 0x20),
    ("SCHED_FLAG_UTIL_CLAMP_MAX", 0x40),
];

impl Urgency {
    /// What a process asks for; `None` if that is nothing.
    pub fn of(process: &Process) -> Result<Option<Self>> {
        let Process { oom_score_adj, scheduler, io_priority: io, .. } = process;
        if let Some(score) = oom_score_adj {
            let right = (-1000..=1000).contains(score);
            ensure!(right, "spec: process.oomScoreAdj: {score}: expected -1000 to 1000");
        }
        if let Some(IoPriority { priority, .. }) = io {
            ensure!(
                *priority < 8,
                "spec: process.ioPriority.priority: {priority}: expected 0 to 7"
            );
        }
        let asks = oom_score_adj.is_some() || scheduler.is_some() || io.is_some();
        let scheduler = scheduler.as_ref().map(|one| Ok((one.clone(), attributes(one)?)));
        let scheduler = scheduler
            .transpose()
            .map_err(|error: anyhow::Error| error.context("spec: process.scheduler"))?;
        Ok(asks.then_some(Self { oom_score_adj: *oom_score_adj, scheduler, io: *io }))
    }
}

fn attributes(asked: &Scheduler) -> Result<Attributes> {
    let Scheduler { policy, nice, priority, flags, runtime, deadline, period } = asked;
    let known = POLICIES.iter().find(|(name, _)| name == policy);
    let Some((_, number)) = known else { bail!("policy: {policy:?} is no policy's name") };
    let mut bits = 0;
    for flag in flags {
        let known = FLAGS.iter().find(|(name, _)| name == flag);
        bits |= known.with_context(|| format!("flags: {flag:?} is no flag's name"))?.1;
    }
    let fixed = matches!(policy.as_str(), "SCHED_FIFO" | "SCHED_RR");
    ensure!(fixed || *priority == 0, "priority: {policy} has none");
    ensure!((-20..=19).contains(nice), "nice: {nice}: expected -20 to 19");
    Ok(Attributes {
        size: u32::try_from(size_of::<Attributes>())?,
        policy: *number,
        flags: bits,
        nice: *nice,
        priority: u32::try_from(*priority).context("priority")?,
        runtime: *runtime,
        deadline: *deadline,
        period: *period,
    })
}

impl Layer for Urgency {
    fn name(&self) -> &'static str {
        "priority"
    }

    fn attach(&mut self, explain: &Explain, child: Pid) -> Result<()> {
        if let Some(score) = self.oom_score_adj {
            let file = format!("/proc/{child}/oom_score_adj");
            let doing = format!("writing {score} to {file}");
            explain.act(format_args!("echo {score} > {file}"), doing, || {
                fs::write(&file, score.to_string()).map_err(|error| match error.raw_os_error() {
                    Some(libc::EACCES | libc::EPERM) => {
                        anyhow!("{error} (to lower it takes CAP_SYS_RESOURCE)")
                    }
                    _ => error.into(),
                })
            })?;
        }
        if let Some((scheduler, attributes)) = &self.scheduler {
            let Scheduler { policy, priority, .. } = scheduler;
            let word = policy.trim_start_matches("SCHED_").to_lowercase();
            explain.act(
                format_args!("chrt --{word} --pid {priority} {child}"),
                format_args!("setting the policy {policy}"),
                || set_scheduler(child, attributes),
            )?;
        }
        if let Some(io) = &self.io {
            let class = match io.class {
                IoClass::RealTime => 1,
                IoClass::BestEffort => 2,
                IoClass::Idle => 3,
            };
            let level = io.priority;
            explain.act(
                format_args!("ionice --class {class} --classdata {level} --pid {child}"),
                format_args!("setting the I/O priority {class}:{level}"),
                || set_io_priority(child, class << 13 | i32::from(level)),
            )?;
        }
        Ok(())
    }
}

/// Neither nix nor libc has it.
fn set_scheduler(child: Pid, attributes: &Attributes) -> nix::Result<()> {
    let attributes: *const Attributes = attributes;
    // SAFETY: the kernel reads as many bytes as the structure says.
    Errno::result(unsafe { libc::syscall(libc::SYS_sched_setattr, child.as_raw(), attributes, 0) })
        .map(drop)
}

fn set_io_priority(child: Pid, priority: i32) -> nix::Result<()> {
    const IOPRIO_WHO_PROCESS: i32 = 1; // linux/ioprio.h
    // SAFETY: three numbers.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, child.as_raw(), priority)
    })
    .map(drop)
}
