//! The memory controller: how much RAM a group may have before the kernel kills in it.
//!
//! | | v1 | v2 |
//! | --- | --- | --- |
//! | limit | `memory.limit_in_bytes` | `memory.max` |
//! | willingness to swap | `memory.swappiness` | none of its own |
//! | limit of RAM and swap | `memory.memsw.limit_in_bytes` (both) | `memory.swap.max` (swap) |
//! | now, and at most so far | `memory.usage_in_bytes`, `memory.max_usage_in_bytes` | `memory.current`, `memory.peak` |
//! | processes killed | `oom_kill` in `memory.oom_control` | `oom_kill` in `memory.events` |
//!
//! A container that is limited gets no swap on top of its RAM, where the kernel can forbid it: what
//! was asked for is what there is. (Docker grants as much swap again.) See the kernel's
//! admin-guide/cgroup-v1/memory and admin-guide/cgroup-v2.

use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};
use step05::Explain;

use crate::{
    Controller, Files, Usage, Value, Version,
    limits::{flag, only_in},
    size::size,
    stats::bytes,
    systemd::{Property, Setting},
};

/// The controller, and the limit that was asked for.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Memory {
    /// The most memory the container may have: bytes, or a number with k, m, g or t
    #[arg(
        id = "memory",
        short = 'm',
        long = "memory",
        value_name = "SIZE",
        value_parser = flag("--memory", MemoryLimit::from_str),
        allow_hyphen_values = true
    )]
    pub limit: Option<MemoryLimit>,

    /// How willingly the kernel swaps it out: 0 to 100
    #[arg(
        id = "swappiness",
        long = "memory-swappiness",
        value_name = "N",
        value_parser = clap::value_parser!(u8).range(..=100),
        allow_hyphen_values = true
    )]
    pub swappiness: Option<u8>,
}

/// Bytes of memory: `67108864`, `64m`, `1g`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimit(u64);

impl MemoryLimit {
    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

/// What the runtime itself needs in the group until it has become the command.
const LEAST: u64 = 512 << 10;

impl FromStr for MemoryLimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match size(text)? {
            number if number < LEAST => bail!("expected at least 512k, or nothing can start in it"),
            number => Ok(Self(number)),
        }
    }
}

impl Controller for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn asked(&self) -> Option<&'static str> {
        let limit = self.limit.map(|_| "--memory");
        limit.or(self.swappiness.map(|_| "--memory-swappiness"))
    }

    fn limit(&self, explain: &Explain, files: &Files) -> Result<()> {
        if let Some(swappiness) = self.swappiness {
            if files.version == Version::V2 {
                return Err(only_in(Version::V1, "--memory-swappiness", "memory.swappiness"));
            }
            files.write(explain, "memory.swappiness", swappiness)?;
        }
        let Some(MemoryLimit(limit)) = self.limit else { return Ok(()) };
        let (ram, swap, no_swap) = match files.version {
            // The second may not be less than the first: that is why it comes second.
            Version::V1 => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", limit),
            Version::V2 => ("memory.max", "memory.swap.max", 0),
        };
        files.write(explain, ram, limit)?;
        if files.has(swap) {
            files.write(explain, swap, no_swap)?;
        }
        Ok(())
    }

    fn properties(&self) -> Vec<Property> {
        let Some(MemoryLimit(limit)) = self.limit else { return Vec::new() };
        vec![("MemoryMax", Setting::Number(limit)), ("MemorySwapMax", Setting::Number(0))]
    }

    fn usage(&self, files: &Files) -> Result<Vec<Usage>> {
        let (now, peak) = match files.version {
            Version::V1 => ("memory.usage_in_bytes", "memory.max_usage_in_bytes"),
            Version::V2 => ("memory.current", "memory.peak"),
        };
        let limit = limit(files)?.map(Value::Bytes);
        let bytes = |what, file| -> Result<_> {
            let number = files.number(file)?.map(Value::Bytes);
            Ok(number.map(|value| Usage::of(what, value).limited(limit)))
        };
        let kills = oom_kills(files)?.map(|kills| Usage::of("oom-kills", Value::Count(kills)));
        Ok([bytes("current", now)?, bytes("peak", peak)?, kills].into_iter().flatten().collect())
    }

    fn cause_of_death(&self, files: &Files) -> Result<Option<String>> {
        let processes = match oom_kills(files)?.unwrap_or(0) {
            0 => return Ok(None),
            1 => "1 process".to_string(),
            kills => format!("{kills} processes"),
        };
        let limit = limit(files)?
            .map_or("of the host".to_string(), |limit| format!("limit {}", bytes(limit)));
        Ok(Some(format!("out of memory ({limit}): the kernel killed {processes}")))
    }
}

/// The limit as the kernel has it; one so high that it means none is `None`.
fn limit(files: &Files) -> Result<Option<u64>> {
    let file = match files.version {
        Version::V1 => "memory.limit_in_bytes",
        Version::V2 => "memory.max",
    };
    // v1 says "none" by the highest multiple of the page size below 2^63.
    Ok(files.number(file)?.filter(|limit| *limit < i64::MAX.cast_unsigned() - (1 << 16)))
}

/// How many processes of the group the kernel has killed to stay below a limit.
fn oom_kills(files: &Files) -> Result<Option<u64>> {
    let file = match files.version {
        Version::V1 => "memory.oom_control",
        Version::V2 => "memory.events",
    };
    files.keyed(file, "oom_kill").context("counting OOM kills")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("512k", 512 << 10)]
    #[case("64m", 64 << 20)]
    #[case("9223372036854775807", i64::MAX.cast_unsigned())]
    fn sizes(#[case] text: &str, #[case] bytes: u64) {
        assert_eq!(text.parse::<MemoryLimit>().expect(text), MemoryLimit(bytes));
    }

    #[rstest]
    fn no_sizes(
        #[values("", "-1", "64mb", "0", "0m", "4k", "511k", "524287", "9223372036854775808")]
        text: &str,
    ) {
        let error = text.parse::<MemoryLimit>().expect_err(text).to_string();
        assert!(error.starts_with("expected "), "{error}");
    }
}
