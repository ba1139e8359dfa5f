//! The cpu controller: how much of the CPUs' time a group may have.
//!
//! | | v1 | v2 |
//! | --- | --- | --- |
//! | its part, where others want time too | `cpu.shares`, 2 to 262144 | `cpu.weight`, 1 to 10000 |
//! | only what nobody else wants | `cpu.idle` | `cpu.idle` |
//! | at most Q of every P microseconds | `cpu.cfs_quota_us`, `cpu.cfs_period_us` | `cpu.max`, as `Q P` |
//! | and B more after periods with less | `cpu.cfs_burst_us` | `cpu.max.burst` |
//! | how often it was held back | `cpu.stat` | `cpu.stat` |
//!
//! A group that has used up its quota waits for the next period: it is throttled. How much time it
//! used is `cpuacct`'s to tell. See the kernel's scheduler/sched-bwc and admin-guide/cgroup-v2.

use std::{str::FromStr, time::Duration};

use anyhow::{Result, bail};

use crate::{
    Controller, Cpus, Files, Quota, Setting, Usage, Value, Version,
    cpu_time::{LEAST, PERIOD, burst, weight},
    limits::{ON, flag, only_in},
    systemd::{self, Property},
};

/// The controller, and what was asked for.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Cpu {
    /// The most CPU time, as a number of CPUs such as 0.5
    #[arg(
        long,
        value_name = "N",
        value_parser = flag("--cpus", Cpus::from_str),
        allow_hyphen_values = true
    )]
    pub cpus: Option<Cpus>,

    /// The same as microseconds of each period; -1 is no limit
    #[arg(
        long = "cpu-quota",
        value_name = "US",
        value_parser = flag("--cpu-quota", Quota::from_str),
        allow_hyphen_values = true
    )]
    pub quota: Option<Quota>,

    /// Microseconds after which it may have as much again: 1000 to 1000000 [default: 100000]
    #[arg(
        id = "cpu-period",
        long = "cpu-period",
        value_name = "US",
        value_parser = clap::value_parser!(u64).range(1_000..=1_000_000),
        allow_hyphen_values = true
    )]
    pub period: Option<u64>,

    /// Microseconds that it may save up, at most as many as the quota
    #[arg(
        id = "cpu-burst",
        long = "cpu-burst",
        value_name = "US",
        value_parser = flag("--cpu-burst", burst),
        allow_hyphen_values = true
    )]
    pub burst: Option<u64>,

    /// Its part of the CPU time that others want too: 2 to 262144, where all have 1024
    #[arg(
        id = "cpu-shares",
        long = "cpu-shares",
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(2..=262_144),
        allow_hyphen_values = true
    )]
    pub shares: Option<u64>,

    /// The same in the numbers of v2: 1 to 10000, where all have 100 (v2)
    #[arg(
        id = "cpu-weight",
        long = "cpu-weight",
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=10_000),
        allow_hyphen_values = true
    )]
    pub weight: Option<u64>,

    /// Let it have only CPU time that nobody else wants
    #[arg(
        id = "cpu-idle",
        long = "cpu-idle",
        value_name = ON,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true
    )]
    pub idle: Option<bool>,
}

/// At most so much of each period, in microseconds; no quota is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bandwidth {
    quota: Option<u64>,
    period: u64,
}

impl Bandwidth {
    /// That of a new group.
    const NONE: Self = Self { quota: None, period: PERIOD };

    fn read(files: &Files) -> Result<Self> {
        let (quota, period) = match files.version {
            Version::V1 => (files.number("cpu.cfs_quota_us")?, files.number("cpu.cfs_period_us")?),
            Version::V2 => {
                let text = files.read("cpu.max")?.unwrap_or_default();
                let mut numbers = text.split_whitespace().map(|number| number.parse().ok());
                (numbers.next().flatten(), numbers.next().flatten())
            }
        };
        Ok(Self { quota, period: period.unwrap_or(PERIOD) })
    }

    /// In thousandths of a CPU.
    fn cpus(self) -> Option<u64> {
        self.quota?.checked_mul(1000)?.checked_div(self.period)
    }
}

impl Cpu {
    /// Which flag is about the quota, if one is.
    fn quota_flag(&self) -> Option<&'static str> {
        self.cpus.map(|_| "--cpus").or(self.quota.map(|_| "--cpu-quota"))
    }

    /// What the quota and its period are to be, where they are `now` something else.
    fn bandwidth(&self, now: Bandwidth) -> Result<Bandwidth> {
        let period = self.period.unwrap_or(now.period);
        let quota = match (self.cpus, self.quota) {
            (Some(cpus), _) => Some(cpus.of(period)),
            (None, Some(Quota::AtMost(quota))) => Some(quota),
            (None, Some(Quota::Unlimited)) => None,
            (None, None) => now.quota,
        };
        match quota.filter(|quota| *quota < LEAST) {
            Some(quota) => bail!(
                "--cpus: {quota} of --cpu-period {period} microseconds are too few: \
                 the kernel takes {LEAST} or more"
            ),
            None => Ok(Bandwidth { quota, period }),
        }
    }

    /// Quota and period. In v1 these are two files, and the kernel looks after each of the writes
    /// whether the group has more than the one above it. So the first is the one after which it
    /// has no more than it has before or after both.
    fn quota_and_period(&self, files: &Files, now: Bandwidth) -> Result<Vec<Setting>> {
        let Some(flag) = self.quota_flag().or(self.period.map(|_| "--cpu-period")) else {
            return Ok(Vec::new());
        };
        // ANCHOR: exercise-6-7
        let Bandwidth { quota, period } = self.bandwidth(now)?;
        let quota = |none: &str| quota.map_or(none.to_string(), |quota| quota.to_string());
        if files.version == Version::V2 {
            let value = format!("{} {period}", quota("max"));
            return Ok(vec![Setting::new(flag, "cpu.max", value)]);
        }
        let quota = Setting::new(flag, "cpu.cfs_quota_us", quota("-1"));
        let new_period = Setting::new(flag, "cpu.cfs_period_us", period);
        Ok(if period < now.period { vec![quota, new_period] } else { vec![new_period, quota] })
        // ANCHOR_END: exercise-6-7
    }

    /// The burst, which may at no moment be more than the quota: `true` if it comes before it.
    fn burst(&self, files: &Files, now: Bandwidth) -> Result<Option<(Setting, bool)>> {
        let file = burst_file(files.version);
        let quota = self.bandwidth(now)?.quota;
        let burst_now = files.number(file)?.unwrap_or(0);
        match (self.burst, quota) {
            (None, Some(quota)) if burst_now > quota => bail!(
                "{}: the quota of {quota} microseconds is less than the burst of the group, \
                 {burst_now}; give --cpu-burst too",
                self.quota_flag().unwrap_or("--cpu-period")
            ),
            (None, _) => Ok(None),
            (Some(1..), None) => {
                bail!("--cpu-burst: without --cpus or --cpu-quota there is nothing to exceed")
            }
            (Some(burst), quota) => {
                burst_fits(burst, quota)?;
                let first = now.quota.is_none_or(|quota| burst <= quota);
                Ok(Some((Setting::new("--cpu-burst", file, burst), first)))
            }
        }
    }

    /// Its part, and whether it has one: an idle group takes none.
    fn part(&self, files: &Files) -> Result<Vec<Setting>> {
        let part = match (files.version, self.shares, self.weight) {
            (Version::V1, Some(shares), _) => {
                Some(Setting::new("--cpu-shares", "cpu.shares", shares))
            }
            (Version::V2, Some(shares), _) => {
                Some(Setting::new("--cpu-shares", "cpu.weight", weight(shares)))
            }
            (_, None, Some(weight)) => Some(Setting::new("--cpu-weight", "cpu.weight", weight)),
            (_, None, None) => None,
        };
        let idle = files.number("cpu.idle")? == Some(1);
        if let Some(Setting { flag, .. }) = part.as_ref().filter(|_| idle && self.idle.is_none()) {
            bail!("{flag}: the group is idle, and has no part; give --cpu-idle=false too");
        }
        let idle = self.idle.map(|on| Setting::switch("--cpu-idle", "cpu.idle", on));
        Ok([idle, part].into_iter().flatten().collect())
    }
}

fn burst_fits(burst: u64, quota: Option<u64>) -> Result<()> {
    match quota.filter(|quota| burst > *quota) {
        Some(quota) => bail!("--cpu-burst {burst} is more than the quota of {quota} microseconds"),
        None => Ok(()),
    }
}

/// systemd's number for what is to be as if nobody had said anything.
const UNSET: u64 = u64::MAX;

fn burst_file(version: Version) -> &'static str {
    match version {
        Version::V1 => "cpu.cfs_burst_us",
        Version::V2 => "cpu.max.burst",
    }
}

impl Controller for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn asked(&self) -> Option<&'static str> {
        let asked = [
            self.quota_flag(),
            self.period.map(|_| "--cpu-period"),
            self.burst.map(|_| "--cpu-burst"),
            self.shares.map(|_| "--cpu-shares"),
            self.weight.map(|_| "--cpu-weight"),
            self.idle.map(|_| "--cpu-idle"),
        ];
        asked.into_iter().flatten().next()
    }

    fn check(&self, version: Version) -> Result<()> {
        let part = self.shares.map(|_| "--cpu-shares").or(self.weight.map(|_| "--cpu-weight"));
        match part {
            _ if self.cpus.is_some() && self.quota.is_some() => {
                bail!("--cpus and --cpu-quota are two ways to say one thing: give one of them")
            }
            _ if self.shares.is_some() && self.weight.is_some() => {
                bail!(
                    "--cpu-shares and --cpu-weight are two ways to say one thing: give one of them"
                )
            }
            Some(flag) if self.idle == Some(true) => {
                bail!("{flag} and --cpu-idle contradict each other: an idle group has no part")
            }
            Some("--cpu-weight") if version == Version::V1 => {
                Err(only_in(Version::V2, "--cpu-weight", "cpu.weight"))
            }
            _ => {
                let Bandwidth { quota, .. } = self.bandwidth(Bandwidth::NONE)?;
                burst_fits(self.burst.unwrap_or(0), quota)
            }
        }
    }

    fn settings(&self, files: &Files) -> Result<Vec<Setting>> {
        if self.asked().is_none() {
            return Ok(Vec::new()); // without looking at what there is now
        }
        let now = Bandwidth::read(files)?;
        let mut settings = self.quota_and_period(files, now)?;
        match self.burst(files, now)? {
            Some((burst, true)) => settings.insert(0, burst),
            Some((burst, false)) => settings.push(burst),
            None => {}
        }
        settings.extend(self.part(files)?);
        Ok(settings)
    }

    /// v1 alone refuses what the group above does not have; in v2 less is simply less.
    fn why(&self, files: &Files, setting: &Setting, errno: i32) -> Option<String> {
        let above = Bandwidth::read(&files.above()).ok()?.cpus().map(Value::MilliCpus)?;
        let too_much = errno == libc::EINVAL && setting.file.starts_with("cpu.cfs_");
        too_much.then(|| format!("the group above it has no more than {above}"))
    }

    /// Weights divide what groups have that are beside each other: in a scope, the scopes. It has
    /// no burst, so one who may have more for a while is not held by it.
    fn properties(&self, now: Option<&Files>) -> Vec<Property> {
        let before = now.and_then(|files| Bandwidth::read(files).ok()).unwrap_or(Bandwidth::NONE);
        let bandwidth = self.bandwidth(before).unwrap_or(before);
        let burst_now = |files: &Files| files.number(burst_file(files.version)).ok().flatten();
        let burst = self.burst.or_else(|| burst_now(now?)).unwrap_or(0);
        let part = |quota: u64| quota.saturating_mul(1_000_000) / bandwidth.period;
        let quota = bandwidth.quota.filter(|_| burst == 0).map(part);
        let of_quota = self.quota_flag().is_some() || self.period.or(self.burst).is_some();
        let idle = self.idle.map(|idle| if idle { 0 } else { UNSET });
        // What is not set is not set in a new scope either.
        let asked = |number: &u64| now.is_some() || *number != UNSET;
        let properties = [
            ("CPUQuotaPerSecUSec", of_quota.then(|| quota.unwrap_or(UNSET)).filter(asked)),
            ("CPUQuotaPeriodUSec", self.period),
            ("CPUWeight", self.weight.or(self.shares.map(weight)).or(idle).filter(asked)),
        ];
        let asked = properties.into_iter().filter_map(|(name, number)| Some((name, number?)));
        asked.map(|(name, number)| (name.into(), systemd::Setting::Number(number))).collect()
    }

    fn usage(&self, files: &Files) -> Result<Vec<Usage>> {
        let stat = |key| files.keyed("cpu.stat", key);
        let time = |of_v1, of_v2| -> Result<_> {
            Ok(match files.version {
                Version::V1 => stat(of_v1)?.map(Duration::from_nanos),
                Version::V2 => stat(of_v2)?.map(Duration::from_micros),
            })
        };
        let limit = Bandwidth::read(files)?.cpus().map(Value::MilliCpus);
        let burst = files.number(burst_file(files.version))?.filter(|burst| *burst > 0);
        let burst = burst.map(|burst| Value::Time(Duration::from_micros(burst)));
        let only_with_burst = |usage: Option<Usage>| usage.filter(|_| burst.is_some());
        let count =
            |what, number: Option<u64>| number.map(|number| Usage::of(what, Value::Count(number)));
        let timed = |what, time: Option<_>| time.map(|time| Usage::of(what, Value::Time(time)));
        let usage = [
            count("shares", files.number("cpu.shares")?),
            count("weight", files.number("cpu.weight")?),
            count("idle", files.number("cpu.idle")?.filter(|idle| *idle > 0)),
            count("periods", stat("nr_periods")?).map(|usage| usage.limited(limit)),
            count("throttled", stat("nr_throttled")?),
            timed("waited", time("throttled_time", "throttled_usec")?),
            only_with_burst(count("bursts", stat("nr_bursts")?)),
            only_with_burst(timed("burst", time("burst_time", "burst_usec")?))
                .map(|usage| usage.limited(burst)),
        ];
        Ok(usage.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests;
