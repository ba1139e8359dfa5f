//! What a container uses at one moment, as far as anybody counts it.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};
use step07::{Controller, Group, Limits, Memory, Stats, Value, Version};

use super::{container::Container, record::State};

/// Numbers of one moment. What is `None` nobody counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The moment.
    at: Instant,
    /// Time on the CPUs since the container began.
    cpu: Option<Duration>,
    /// Bytes, without those of files that nobody has looked at lately, which the kernel drops when
    /// memory is short.
    pub memory: Option<u64>,
    /// The most that this may be; `None` is no limit.
    pub memory_limit: Option<u64>,
    /// Bytes received and sent.
    pub network: Option<(u64, u64)>,
    /// Bytes read from disks and written to them.
    pub disk: Option<(u64, u64)>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

impl Sample {
    /// Of a container that does not run.
    pub fn nothing() -> Self {
        Self {
            at: Instant::now(),
            cpu: Some(Duration::ZERO),
            memory: Some(0),
            memory_limit: None,
            network: Some((0, 0)),
            disk: Some((0, 0)),
            pids: Some(0),
        }
    }

    /// Of a container; `None` if it does not run.
    pub fn of(container: &Container) -> Result<Option<Self>> {
        match read(container) {
            Ok(sample) => Ok(Some(sample)),
            // Its files go with it, while they are read.
            Err(_) if container.pid().is_none() => Ok(None),
            Err(error) => {
                Err(error).with_context(|| format!("stats: container {}", container.config.name))
            }
        }
    }

    /// Whether it has no group in which anything is counted.
    pub fn is_uncounted(&self) -> bool {
        (self.cpu, self.memory, self.pids) == (None, None, None)
    }

    /// How much of one CPU it has used since `before`: 1.5 is all of one, and half of another.
    pub fn cpus(&self, before: &Self) -> Option<f64> {
        let (used, time) = (self.cpu?.saturating_sub(before.cpu?), self.at - before.at);
        Some(used.as_secs_f64() / time.as_secs_f64()).filter(|cpus| cpus.is_finite())
    }

    /// For programs; `before` is an earlier one of the same container.
    pub fn json(&self, container: &Container, before: Option<&Self>) -> Json {
        let (network, disk) = (self.network.unzip(), self.disk.unzip());
        json!({
            "id": container.config.id,
            "name": container.config.name,
            "cpus": before.and_then(|before| self.cpus(before)),
            "memory": { "used": self.memory, "limit": self.memory_limit },
            "network": { "received": network.0, "sent": network.1 },
            "disk": { "read": disk.0, "written": disk.1 },
            "pids": self.pids,
        })
    }
}

/// All that each controller counts of a container that runs.
pub fn table(container: &Container) -> Result<Stats> {
    Stats::read(&container.group()?, &Limits::default().controllers())
}

fn read(container: &Container) -> Result<Sample> {
    let (pid, _) = container.running()?;
    let at = Instant::now();
    let group = container.group()?;
    let stats = Stats::read(&group, &Limits::default().controllers())?;
    let memory = stats.get("memory", "current");
    Ok(Sample {
        at,
        cpu: stats.get("cpuacct", "usage").and_then(|usage| match usage.value {
            Value::Time(time) => Some(time),
            _ => None,
        }),
        memory: number(&stats, "memory", "current")
            .map(|all| all.saturating_sub(dropped_if_short(&group))),
        memory_limit: memory.and_then(|usage| usage.limit).and_then(amount),
        network: match &container.state {
            // What passes there is the host's.
            State::Running { network, .. } if network == "host" => None,
            _ => traffic(pid)?,
        },
        disk: disk(&stats),
        pids: number(&stats, "pids", "current"),
    })
}

fn number(stats: &Stats, controller: &str, what: &str) -> Option<u64> {
    amount(stats.get(controller, what)?.value)
}

fn amount(value: Value) -> Option<u64> {
    match value {
        Value::Bytes(number) | Value::Count(number) => Some(number),
        _ => None,
    }
}

fn disk(stats: &Stats) -> Option<(u64, u64)> {
    let of = |name| Some((number(stats, name, "read")?, number(stats, name, "written")?));
    of("io").or_else(|| of("blkio"))
}

fn dropped_if_short(group: &Group) -> u64 {
    let memory = Memory::default();
    let Some(files) = group.files(&memory as &dyn Controller) else { return 0 };
    let key = match files.version {
        Version::V1 => "total_inactive_file",
        Version::V2 => "inactive_file",
    };
    files.keyed("memory.stat", key).ok().flatten().unwrap_or(0)
}

/// Bytes received and sent over the interfaces of the network that a process is in, all but `lo`.
fn traffic(pid: i32) -> Result<Option<(u64, u64)>> {
    let path = format!("/proc/{pid}/net/dev");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    Ok(Some(sum(&text)))
}

/// See proc_pid_net(5): `NAME: RECEIVED 7 MORE SENT 7 MORE`.
fn sum(dev: &str) -> (u64, u64) {
    let interface = |line: &str| -> Option<(u64, u64)> {
        let (name, numbers) = line.split_once(':')?;
        let numbers: Vec<_> = numbers.split_whitespace().collect();
        let number = |index: usize| numbers.get(index)?.parse().ok();
        (name.trim() != "lo").then_some(())?;
        Some((number(0)?, number(8)?))
    };
    let all = dev.lines().filter_map(interface);
    all.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_summed_up() {
        let dev = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop
    lo:     500       5    0    0    0     0          0         0      500       5    0    0
  eth0: 1000 1 0 0 0 0 0 0 200 2 0 0 0 0 0 0
  eth1:    30       1    0    0    0     0          0         0        4       1    0    0
";
        assert_eq!(sum(dev), (1030, 204));
    }

    #[test]
    fn cpus_are_time_by_time() {
        let begin = Sample::nothing();
        let after = |seconds, millis| Sample {
            at: begin.at + Duration::from_secs(seconds),
            cpu: Some(Duration::from_millis(millis)),
            ..begin.clone()
        };
        assert_eq!(after(2, 3000).cpus(&begin), Some(1.5));
        assert_eq!(after(0, 5).cpus(&begin), None);
        assert_eq!(after(2, 3000).cpus(&Sample { cpu: None, ..begin.clone() }), None);
    }
}
