//! The cpu controller: how much of the CPUs' time a group may have.
//!
//! | | v1 | v2 |
//! | --- | --- | --- |
//! | at most Q of every P microseconds | `cpu.cfs_quota_us`, `cpu.cfs_period_us` | `cpu.max`, as `Q P` |
//! | how often it was held back | `cpu.stat` | `cpu.stat` |
//!
//! A group that has used up its quota waits for the next period: it is throttled. How much time it
//! used is `cpuacct`'s to tell. See the kernel's scheduler/sched-bwc.

use std::{str::FromStr, time::Duration};

use anyhow::{Error, Result, bail};
use step05::Explain;

use crate::{
    Controller, Files, Usage, Value, Version,
    limits::flag,
    systemd::{Property, Setting},
};

/// The controller, and the limit that was asked for.
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
}

/// CPUs: `2`, `0.5`. Held as microseconds of every [`PERIOD`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpus(u64);

/// Microseconds; the kernel's own default. Shorter costs more, longer makes longer pauses.
const PERIOD: u64 = 100_000;

/// The kernel takes no quota below a millisecond.
const LEAST: u64 = 1_000;

/// The kernel's own bound is far above this many microseconds, which are 10,000 CPUs.
const MOST: u64 = PERIOD * 10_000;

impl Cpus {
    /// As the number that it is.
    pub fn number(self) -> f64 {
        self.0 as f64 / PERIOD as f64
    }
}

impl FromStr for Cpus {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match quota(text) {
            None => bail!("expected a number of CPUs as in 2 or 0.5"),
            Some(quota) if quota < LEAST => bail!("expected at least 0.01"),
            Some(quota) if quota > MOST => bail!("expected at most 10000"),
            Some(quota) => Ok(Self(quota)),
        }
    }
}

/// The quota for a decimal number of CPUs; digits below a microsecond are dropped. (Not by way of
/// a float: those are also spelt `1e3`, `inf` and `nan`.)
fn quota(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return None;
    }
    let whole = whole.parse::<u64>().unwrap_or(u64::MAX);
    let part: u64 = format!("{part:0<5.5}").parse().ok()?;
    Some(whole.saturating_mul(PERIOD).saturating_add(part))
}

impl Controller for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn asked(&self) -> Option<&'static str> {
        self.cpus.map(|_| "--cpus")
    }

    fn limit(&self, explain: &Explain, files: &Files) -> Result<()> {
        let Some(Cpus(quota)) = self.cpus else { return Ok(()) };
        match files.version {
            Version::V1 => {
                files.write(explain, "cpu.cfs_period_us", PERIOD)?;
                files.write(explain, "cpu.cfs_quota_us", quota)
            }
            Version::V2 => files.write(explain, "cpu.max", format_args!("{quota} {PERIOD}")),
        }
    }

    fn properties(&self) -> Vec<Property> {
        let of_a_second = |Cpus(quota)| quota * (1_000_000 / PERIOD);
        let quota = self.cpus.map(|cpus| Setting::Number(of_a_second(cpus)));
        quota.map(|quota| ("CPUQuotaPerSecUSec", quota)).into_iter().collect()
    }

    fn usage(&self, files: &Files) -> Result<Vec<Usage>> {
        let stat = |key| files.keyed("cpu.stat", key);
        let limit = limit(files)?.map(Value::MilliCpus);
        let waited = match files.version {
            Version::V1 => stat("throttled_time")?.map(Duration::from_nanos),
            Version::V2 => stat("throttled_usec")?.map(Duration::from_micros),
        };
        let usage = [
            stat("nr_periods")?.map(|n| Usage::of("periods", Value::Count(n)).limited(limit)),
            stat("nr_throttled")?.map(|n| Usage::of("throttled", Value::Count(n))),
            waited.map(|time| Usage::of("waited", Value::Time(time))),
        ];
        Ok(usage.into_iter().flatten().collect())
    }
}

/// The limit as the kernel has it, in thousandths of a CPU.
fn limit(files: &Files) -> Result<Option<u64>> {
    let (quota, period) = match files.version {
        Version::V1 => (files.number("cpu.cfs_quota_us")?, files.number("cpu.cfs_period_us")?),
        Version::V2 => {
            let text = files.read("cpu.max")?.unwrap_or_default();
            let mut numbers = text.split_whitespace().map(|number| number.parse().ok());
            (numbers.next().flatten(), numbers.next().flatten())
        }
    };
    let (Some(quota), Some(period)) = (quota, period) else { return Ok(None) };
    Ok(quota.checked_mul(1000).and_then(|quota| quota.checked_div(period)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1", 100_000)]
    #[case("0.5", 50_000)]
    #[case("0.50000", 50_000)]
    #[case("1.25", 125_000)]
    #[case("0.01", 1_000)]
    #[case("0.010009", 1_000)]
    #[case("00.5", 50_000)]
    #[case("10000", 1_000_000_000)]
    fn numbers(#[case] text: &str, #[case] quota: u64) {
        assert_eq!(text.parse::<Cpus>().expect(text), Cpus(quota));
    }

    #[rstest]
    fn no_numbers(
        #[values(
            "",
            ".",
            ".5",
            "1.",
            "-1",
            "+1",
            "1e3",
            "inf",
            "nan",
            "0x1",
            "1,5",
            "1 ",
            "1.2.3",
            "0",
            "0.0",
            "0.009",
            "10000.1",
            "18446744073709551616",
            "99999999999999999999999999",
            "½",
            "0.½½"
        )]
        text: &str,
    ) {
        let error = text.parse::<Cpus>().expect_err(text).to_string();
        assert!(error.starts_with("expected "), "{error}");
    }
}
