//! `events`: what a container uses, and when it runs out of memory.
//!
//! Each event is a line of JSON, in runc's words.

use std::{
    os::fd::AsFd,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Value as Json, json};
use step07::{Limits, Stats, Value};

use super::Global;
use crate::oci::Container;

/// Tell what a container uses, until it ends
#[derive(clap::Args)]
pub struct Args {
    /// Tell it once
    #[arg(long)]
    stats: bool,

    /// How often, as in 5s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    interval: Duration,

    /// Its id
    id: String,
}

/// How soon it is told that something was killed for want of memory.
const SOON: Duration = Duration::from_millis(100);

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        ensure!(!self.interval.is_zero(), "events: --interval: expected more than 0");
        let container = global.container(&self.id)?;
        container.must_run("events")?;
        if self.stats {
            return tell(&self.id, "stats", Some(usage(&container)?)).map(|()| 0);
        }
        let Some(pidfd) = container.pidfd()? else { return Ok(0) };
        let (mut killed, mut next) = (out_of_memory(&container)?, Instant::now());
        loop {
            if Instant::now() >= next {
                tell(&self.id, "stats", Some(usage(&container)?))?;
                next += self.interval;
            }
            let pause = SOON.min(next.saturating_duration_since(Instant::now()));
            let pause = PollTimeout::try_from(pause).unwrap_or(PollTimeout::ZERO);
            let ended = poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], pause)? != 0;
            let now = out_of_memory(&container).unwrap_or(killed);
            if now > killed {
                tell(&self.id, "oom", None)?;
                killed = now;
            }
            if ended {
                return Ok(0);
            }
        }
    }
}

fn tell(id: &str, kind: &str, data: Option<Json>) -> Result<()> {
    let mut event = json!({ "type": kind, "id": id });
    if let Some(data) = data {
        event["data"] = data;
    }
    println!("{event}");
    Ok(())
}

fn stats(container: &Container) -> Result<Stats> {
    let all = Limits::default().controllers();
    Stats::read(&container.record.group(), &all).context("events")
}

fn out_of_memory(container: &Container) -> Result<u64> {
    Ok(number(&stats(container)?, "memory", "oom-kills"))
}

fn usage(container: &Container) -> Result<Json> {
    let stats = stats(container)?;
    let limit = |controller: &str, what: &str| {
        let limit = stats.get(controller, what).and_then(|usage| usage.limit);
        limit.map_or(0, plain)
    };
    let get = |controller: &str, what: &str| number(&stats, controller, what);
    let total = get("cpuacct", "usage").max(get("cpu", "usage"));
    let user = get("cpuacct", "user").max(get("cpu", "user"));
    let kernel = get("cpuacct", "system").max(get("cpu", "system"));
    Ok(json!({
        "cpu": {
            "usage": { "total": total, "user": user, "kernel": kernel },
            "throttling": {
                "periods": get("cpu", "periods"),
                "throttledPeriods": get("cpu", "throttled"),
                "throttledTime": get("cpu", "waited"),
            },
        },
        "memory": {
            "usage": {
                "usage": get("memory", "current"),
                "max": get("memory", "peak"),
                "limit": limit("memory", "current"),
                "failcnt": get("memory", "max"),
            },
        },
        "pids": { "current": get("pids", "current"), "limit": limit("pids", "current") },
        "blkio": {
            "ioServiceBytesRecursive": [
                { "op": "Read", "value": disk(&stats, "read") },
                { "op": "Write", "value": disk(&stats, "written") },
            ],
        },
    }))
}

fn disk(stats: &Stats, what: &str) -> u64 {
    number(stats, "blkio", what).max(number(stats, "io", what))
}

fn number(stats: &Stats, controller: &str, what: &str) -> u64 {
    stats.get(controller, what).map_or(0, |usage| plain(usage.value))
}

/// Bytes, nanoseconds, or how many.
fn plain(value: Value) -> u64 {
    match value {
        Value::Bytes(number) | Value::Count(number) | Value::MilliCpus(number) => number,
        Value::Time(time) => u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
    }
}
