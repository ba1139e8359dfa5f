//! Amounts of CPU time, as people write them.

use std::str::FromStr;

use anyhow::{Error, Result, bail};

/// CPUs: `2`, `0.5`. Held as microseconds of every [`PERIOD`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpus(u64);

/// Microseconds; the kernel's own default. Shorter costs more, longer makes longer pauses.
pub const PERIOD: u64 = 100_000;

/// The kernel takes no quota below a millisecond.
pub const LEAST: u64 = 1_000;

/// The kernel's own bound is far above this many microseconds, which are 10,000 CPUs.
const MOST: u64 = PERIOD * 10_000;

impl Cpus {
    /// As the number that it is.
    pub fn number(self) -> f64 {
        self.0 as f64 / PERIOD as f64
    }

    /// Microseconds of a period of so many.
    pub fn of(self, period: u64) -> u64 {
        self.0.saturating_mul(period) / PERIOD
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

/// Microseconds of each period, or `-1` for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// So many.
    AtMost(u64),
    /// As many as there are.
    Unlimited,
}

impl FromStr for Quota {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match number(text) {
            _ if text == "-1" => Ok(Self::Unlimited),
            Some(number) if (LEAST..=MOST).contains(&number) => Ok(Self::AtMost(number)),
            _ => bail!("expected {LEAST} to {MOST} microseconds, or -1 for no limit"),
        }
    }
}

/// Microseconds that may be saved up.
pub fn burst(text: &str) -> Result<u64> {
    match number(text) {
        Some(number) if number <= MOST => Ok(number),
        _ => bail!("expected 0 to {MOST} microseconds"),
    }
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The `cpu.weight` of v2 for a number of v1's `cpu.shares`.
///
/// What matters are three pairs: the least, 2 and 1; what every group has, 1024 and 100; and the
/// most, 262144 and 10000. Between them runc (from 1.3.2) and crun (from 1.23) put a parabola
/// through the logarithms, and so does this: so that a container gets the same from all runtimes.
/// (See opencontainers/cgroups, pull request 20. Before, a straight line made 39 of 1024.) Ratios
/// are not kept: twice the shares are 1.6 to 1.8 times the weight.
pub fn weight(shares: u64) -> u64 {
    // ANCHOR: exercise-6-4
    let log = (shares.clamp(2, 262_144) as f64).log2();
    let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
    10f64.powf(exponent).ceil() as u64
    // ANCHOR_END: exercise-6-4
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(2, 1)]
    #[case(3, 2)]
    #[case(512, 59)]
    #[case(1023, 100)]
    #[case(1024, 100)]
    #[case(1025, 101)]
    #[case(2000, 170)]
    #[case(4096, 303)]
    #[case(262_143, 10_000)]
    #[case(262_144, 10_000)]
    fn weights(#[case] shares: u64, #[case] expected: u64) {
        assert_eq!(weight(shares), expected);
    }

    #[rstest]
    #[case("-1", Quota::Unlimited)]
    #[case("1000", Quota::AtMost(1_000))]
    #[case("1000000000", Quota::AtMost(1_000_000_000))]
    fn quotas(#[case] text: &str, #[case] quota: Quota) {
        assert_eq!(text.parse::<Quota>().expect(text), quota);
    }

    #[rstest]
    fn no_quotas(
        #[values(
            "",
            "0",
            "999",
            "-2",
            "+5000",
            "1000000001",
            "1e4",
            "5000us",
            "99999999999999999999"
        )]
        text: &str,
    ) {
        let error = text.parse::<Quota>().expect_err(text).to_string();
        assert_eq!(error, "expected 1000 to 1000000000 microseconds, or -1 for no limit");
    }

    #[rstest]
    fn no_bursts(#[values("", "-1", "+5", "1000000001", "1e4", "5000us")] text: &str) {
        let error = burst(text).expect_err(text).to_string();
        assert_eq!(error, "expected 0 to 1000000000 microseconds");
    }

    #[test]
    fn cpus_of_another_period() {
        let cpus: Cpus = "1.5".parse().expect("a number");
        assert_eq!(cpus.of(20_000), 30_000);
    }

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
