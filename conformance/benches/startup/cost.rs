//! What a program takes: time, and memory at its peak. See wait4(2), getrusage(2).

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// Of one act, which may be of several programs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// From before the first program is started to after the last has ended.
    pub time: Duration,
    /// The most memory of one of them, in KiB.
    pub memory: i64,
}

impl Cost {
    /// Of several programs, one after another.
    pub fn and(self, other: Self) -> Self {
        Self { time: self.time + other.time, memory: self.memory.max(other.memory) }
    }
}

/// Runs a program to its end, which must be a good one.
pub fn of(command: &mut Command) -> Result<Cost> {
    let shown = format!("{command:?}");
    // It has programs in Rust look for where each error comes from, also of those that they expect.
    command.env_remove("RUST_BACKTRACE");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begin = Instant::now();
    let child = command.spawn().with_context(|| format!("running {shown}"))?;
    let pid = i32::try_from(child.id()).context("a number")?;
    // SAFETY: `rusage` is a structure of integers, which the kernel fills in.
    let (ended, status, usage) = unsafe {
        let (mut status, mut usage) = (0, std::mem::zeroed::<libc::rusage>());
        (libc::wait4(pid, &raw mut status, 0, &raw mut usage), status, usage)
    };
    let time = begin.elapsed();
    ensure!(ended == pid, "waiting for {shown}");
    ensure!(status == 0, "{shown} ended with status {status}");
    Ok(Cost { time, memory: usage.ru_maxrss })
}
