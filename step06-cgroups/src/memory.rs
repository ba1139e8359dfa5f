//! The memory controller: how much RAM a group may have before the kernel kills in it.
//!
//! | | v1 | v2 |
//! | --- | --- | --- |
//! | limit | `memory.limit_in_bytes` | `memory.max` |
//! | limit of RAM and swap | `memory.memsw.limit_in_bytes` (both) | `memory.swap.max` (swap) |
//! | reservation: reclaimed after others | `memory.soft_limit_in_bytes` | `memory.low` |
//! | never reclaimed | – | `memory.min` |
//! | slowed down above | – | `memory.high` |
//! | willingness to swap | `memory.swappiness` | – |
//! | at the limit | `memory.oom_control`: wait, and do not kill | `memory.oom.group`: kill all |
//! | now, and at most so far | `memory.usage_in_bytes`, `memory.max_usage_in_bytes` | `memory.current`, `memory.peak` |
//! | swapped out | `total_swap` in `memory.stat` | `memory.swap.current` |
//! | at the limit so far | `memory.failcnt` | `memory.events` |
//! | processes killed | `oom_kill` in `memory.oom_control` | `oom_kill` in `memory.events` |
//!
//! A container that is limited gets no swap on top of its RAM, where the kernel can forbid it: what
//! was asked for is what there is. (Docker grants as much swap again.) See the kernel's
//! admin-guide/cgroup-v1/memory and admin-guide/cgroup-v2.

use std::str::FromStr;

use anyhow::{Context, Result, bail};

use crate::{
    Controller, Files, MemoryLimit, Setting, SwapLimit, Usage, Value, Version,
    limits::{ON, flag, only_in},
    size::size,
    stats::bytes,
    systemd::{self, Property},
};

const LIMIT_OF_V1: &str = "memory.limit_in_bytes";
const BOTH_OF_V1: &str = "memory.memsw.limit_in_bytes";
const SWAP_OF_V2: &str = "memory.swap.max";

/// The controller, and what was asked for.
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

    /// The most RAM and swap together; -1 is as much swap as there is [default: no swap]
    #[arg(
        id = "memory-swap",
        long = "memory-swap",
        value_name = "SIZE",
        value_parser = flag("--memory-swap", SwapLimit::from_str),
        allow_hyphen_values = true
    )]
    pub swap: Option<SwapLimit>,

    /// What others are to be reclaimed before, when memory is short
    #[arg(
        id = "memory-reservation",
        long = "memory-reservation",
        value_name = "SIZE",
        value_parser = flag("--memory-reservation", size),
        allow_hyphen_values = true
    )]
    pub reservation: Option<u64>,

    /// What is never reclaimed (v2)
    #[arg(
        id = "memory-min",
        long = "memory-min",
        value_name = "SIZE",
        value_parser = flag("--memory-min", size),
        allow_hyphen_values = true
    )]
    pub min: Option<u64>,

    /// Above this it is slowed down and reclaimed, and not killed (v2)
    #[arg(
        id = "memory-high",
        long = "memory-high",
        value_name = "SIZE",
        value_parser = flag("--memory-high", MemoryLimit::from_str),
        allow_hyphen_values = true
    )]
    pub high: Option<MemoryLimit>,

    /// How willingly the kernel swaps it out: 0 to 100 (v1)
    #[arg(
        id = "swappiness",
        long = "memory-swappiness",
        value_name = "N",
        value_parser = clap::value_parser!(u8).range(..=100),
        allow_hyphen_values = true
    )]
    pub swappiness: Option<u8>,

    /// At the limit let processes wait, and do not kill them (v1)
    #[arg(long, value_name = ON, num_args = 0..=1, require_equals = true, default_missing_value = "true",
        hide_possible_values = true)]
    pub oom_kill_disable: Option<bool>,

    /// At the limit kill all processes, and not only one (v2)
    #[arg(
        id = "memory-oom-group",
        long = "memory-oom-group",
        value_name = ON,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true
    )]
    pub oom_group: Option<bool>,
}

impl Memory {
    /// What one dialect alone has: the flag, if it was used, which dialect, and its file.
    fn of_one_dialect(&self) -> [(Option<&'static str>, Version, &'static str); 5] {
        let used = |asked: bool, flag| asked.then_some(flag);
        [
            (used(self.min.is_some(), "--memory-min"), Version::V2, "memory.min"),
            (used(self.high.is_some(), "--memory-high"), Version::V2, "memory.high"),
            (used(self.oom_group.is_some(), "--memory-oom-group"), Version::V2, "memory.oom.group"),
            (
                used(self.swappiness.is_some(), "--memory-swappiness"),
                Version::V1,
                "memory.swappiness",
            ),
            (
                used(self.oom_kill_disable.is_some(), "--oom-kill-disable"),
                Version::V1,
                "memory.oom_control",
            ),
        ]
    }

    /// How much swap the group is to have beside its RAM; `None` if that stays as it is.
    fn swap(&self, now: Option<u64>) -> Result<Option<Swap>> {
        let limit = self.limit.map(MemoryLimit::bytes);
        Ok(match (self.swap, limit.or(now)) {
            (Some(SwapLimit::Unlimited), _) => Some(Swap::Any),
            (Some(SwapLimit::AtMost(total)), Some(limit)) => {
                not_above("--memory", limit, "--memory-swap", Some(total))?;
                Some(Swap::AtMost(total - limit))
            }
            (Some(SwapLimit::AtMost(_)), None) => {
                bail!("--memory-swap: it is the most RAM and swap together, and needs --memory")
            }
            (None, _) if limit.is_some() && now.is_none() => Some(Swap::AtMost(0)),
            (None, _) => None,
        })
    }

    /// Who asks for a limit of swap: whoever asks for one of RAM does too.
    fn swap_flag(&self) -> &'static str {
        if self.swap.is_some() { "--memory-swap" } else { "--memory" }
    }

    /// What v1 is to have as the limit of RAM and swap together, where the group has `now` as that of
    /// RAM and `both_now` as this one; `None` if it stays as it is.
    fn both(&self, now: Option<u64>, both_now: Option<u64>) -> Result<Option<String>> {
        let limit = self.limit.map(MemoryLimit::bytes);
        Ok(match (self.swap(now)?, limit, now, both_now) {
            (Some(Swap::Any), ..) => Some("-1".to_string()),
            (Some(Swap::AtMost(swap)), limit, now, _) => {
                limit.or(now).map(|limit| limit.saturating_add(swap).to_string())
            }
            // As much swap as before.
            (None, Some(limit), Some(now), Some(both)) => {
                Some(limit.saturating_add(both.saturating_sub(now)).to_string())
            }
            (None, ..) => None,
        })
    }

    /// The limits of RAM and swap, in an order in which the kernel takes them.
    fn ram_and_swap(&self, files: &Files) -> Result<Vec<Setting>> {
        // Not every kernel counts swap, and what it does not count nobody has asked to be held to.
        let counted = |file| self.swap.is_some() || files.has(file);
        let limit = self.limit.map(MemoryLimit::bytes);
        // ANCHOR: exercise-6-8
        let settings = match files.version {
            Version::V1 => {
                let (now, both_now) = (bounded(files, LIMIT_OF_V1)?, bounded(files, BOTH_OF_V1)?);
                let both = self.both(now, both_now)?.filter(|_| counted(BOTH_OF_V1));
                let both = both.map(|both| Setting::new(self.swap_flag(), BOTH_OF_V1, both));
                let ram = limit.map(|limit| Setting::new("--memory", LIMIT_OF_V1, limit));
                // RAM may at no moment be more than both together.
                let grows = limit.zip(both_now).is_some_and(|(limit, both)| limit > both);
                if grows { vec![both, ram] } else { vec![ram, both] }
            }
            Version::V2 => {
                let swap = self.swap(bounded(files, "memory.max")?)?;
                let swap = swap.filter(|_| counted(SWAP_OF_V2)).map(|swap| match swap {
                    Swap::Any => Setting::new(self.swap_flag(), SWAP_OF_V2, "max"),
                    Swap::AtMost(bytes) => Setting::new(self.swap_flag(), SWAP_OF_V2, bytes),
                });
                let high = self.high.map(MemoryLimit::bytes);
                let high = high.map(|high| Setting::new("--memory-high", "memory.high", high));
                // Swap first: a limit that is lowered reclaims, swaps and kills at once.
                vec![swap, high, limit.map(|limit| Setting::new("--memory", "memory.max", limit))]
            }
        };
        Ok(settings.into_iter().flatten().collect())
        // ANCHOR_END: exercise-6-8
    }
}

/// Swap beside the RAM.
enum Swap {
    /// So many bytes.
    AtMost(u64),
    /// All that there is.
    Any,
}

/// Refuses `less` if it is more than `more`.
fn not_above(less: &str, size: u64, more: &str, limit: Option<u64>) -> Result<()> {
    match limit.filter(|limit| size > *limit) {
        Some(limit) => bail!("{less} {} is above {more} {}", bytes(size), bytes(limit)),
        None => Ok(()),
    }
}

impl Controller for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn asked(&self) -> Option<&'static str> {
        let limit = self.limit.map(|_| "--memory");
        let swap = self.swap.map(|_| "--memory-swap");
        let reservation = self.reservation.map(|_| "--memory-reservation");
        let others = || self.of_one_dialect().into_iter().find_map(|(flag, ..)| flag);
        limit.or(swap).or(reservation).or_else(others)
    }

    fn check(&self, version: Version) -> Result<()> {
        for (flag, only, file) in self.of_one_dialect() {
            if let Some(flag) = flag.filter(|_| only != version) {
                return Err(only_in(only, flag, file));
            }
        }
        let limit = self.limit.map(MemoryLimit::bytes);
        let sizes = [
            ("--memory-reservation", self.reservation),
            ("--memory-min", self.min),
            ("--memory-high", self.high.map(MemoryLimit::bytes)),
        ];
        for (flag, size) in sizes {
            size.map_or(Ok(()), |size| not_above(flag, size, "--memory", limit))?;
        }
        match self.limit {
            Some(_) => self.swap(None).map(drop),
            None => Ok(()),
        }
    }

    fn settings(&self, files: &Files) -> Result<Vec<Setting>> {
        if self.asked().is_none() {
            return Ok(Vec::new()); // without looking at what this kernel has
        }
        let soft = match files.version {
            Version::V1 => "memory.soft_limit_in_bytes",
            Version::V2 => "memory.low",
        };
        // What is done at the limit, before one is there.
        let before = [
            self.min.map(|size| Setting::new("--memory-min", "memory.min", size)),
            self.oom_group.map(|on| Setting::switch("--memory-oom-group", "memory.oom.group", on)),
        ];
        let after = [
            self.reservation.map(|size| Setting::new("--memory-reservation", soft, size)),
            self.swappiness.map(|n| Setting::new("--memory-swappiness", "memory.swappiness", n)),
            self.oom_kill_disable.map(|on| {
                let setting = Setting::switch("--oom-kill-disable", "memory.oom_control", on);
                setting.shown_as("oom_kill_disable")
            }),
        ];
        let mut settings: Vec<_> = before.into_iter().flatten().collect();
        settings.extend(self.ram_and_swap(files)?);
        settings.extend(after.into_iter().flatten());
        Ok(settings)
    }

    /// Only v1 refuses; v2 takes back what it can, and then kills.
    fn why(&self, files: &Files, setting: &Setting, errno: i32) -> Option<String> {
        let used = files.number(now_and_peak(files.version).0).ok().flatten()?;
        let busy = errno == libc::EBUSY && [LIMIT_OF_V1, BOTH_OF_V1].contains(&&*setting.file);
        let why = || format!("{} are in use, and not enough can be taken back", bytes(used));
        busy.then(why)
    }

    /// What is kept for the group is kept from the groups beside it: in a scope, beside the scope.
    fn properties(&self, now: Option<&Files>) -> Vec<Property> {
        let limit = now.and_then(|files| bounded(files, "memory.max").ok().flatten());
        let swap = self.swap(limit).ok().flatten().map(|swap| match swap {
            Swap::AtMost(bytes) => bytes,
            Swap::Any => u64::MAX,
        });
        let properties = [
            ("MemoryMax", self.limit.map(MemoryLimit::bytes)),
            ("MemorySwapMax", swap),
            ("MemoryLow", self.reservation),
            ("MemoryMin", self.min),
            ("MemoryHigh", self.high.map(MemoryLimit::bytes)),
        ];
        let asked = properties.into_iter().filter_map(|(name, bytes)| Some((name, bytes?)));
        asked.map(|(name, bytes)| (name.into(), systemd::Setting::Number(bytes))).collect()
    }

    fn usage(&self, files: &Files) -> Result<Vec<Usage>> {
        let mut usage = amounts(files)?;
        let mut count = |what, number: Option<u64>, limit| {
            let number = number.map(Value::Count);
            usage.extend(number.map(|number| Usage::of(what, number).limited(limit)));
        };
        match files.version {
            Version::V1 => count("failcnt", files.number("memory.failcnt")?, None),
            Version::V2 => {
                let event = |key| files.keyed("memory.events", key);
                count("high", event("high")?, files.number("memory.high")?.map(Value::Bytes));
                count("max", event("max")?, None);
                count("oom", event("oom")?, None);
            }
        }
        count("oom-kills", oom_kills(files)?, None);
        // Nobody is killed then, and whoever looks for what does not go on has to be told.
        let control = |key| files.keyed("memory.oom_control", key);
        let disabled = control("oom_kill_disable")?.is_some_and(|on| on > 0);
        count("under-oom", control("under_oom")?.filter(|_| disabled), None);
        Ok(usage)
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

/// The files of what is in use.
fn now_and_peak(version: Version) -> (&'static str, &'static str) {
    match version {
        Version::V1 => ("memory.usage_in_bytes", "memory.max_usage_in_bytes"),
        Version::V2 => ("memory.current", "memory.peak"),
    }
}

/// What is in use, and what is kept for the group if anything is.
fn amounts(files: &Files) -> Result<Vec<Usage>> {
    let (now, peak) = now_and_peak(files.version);
    let limit = limit(files)?;
    let (swap, swap_limit, soft) = match files.version {
        Version::V1 => {
            let both = bounded(files, BOTH_OF_V1)?.zip(limit);
            let swap = files.keyed("memory.stat", "total_swap")?;
            let limit = both.map(|(both, limit)| both.saturating_sub(limit));
            (swap, limit, bounded(files, "memory.soft_limit_in_bytes")?)
        }
        Version::V2 => {
            let swap = files.number("memory.swap.current")?;
            (swap, files.number(SWAP_OF_V2)?, files.number("memory.low")?)
        }
    };
    let kept = |size: Option<u64>| size.filter(|size| *size > 0);
    let usage = [
        ("current", files.number(now)?, limit),
        ("peak", files.number(peak)?, limit),
        ("swap", swap, swap_limit),
        ("reserved", kept(soft), None),
        ("min", kept(files.number("memory.min")?), None),
    ];
    let known = usage.into_iter().filter_map(|(what, bytes, limit)| {
        Some(Usage::of(what, Value::Bytes(bytes?)).limited(limit.map(Value::Bytes)))
    });
    Ok(known.collect())
}

/// The limit as the kernel has it; one so high that it means none is `None`.
fn limit(files: &Files) -> Result<Option<u64>> {
    bounded(
        files,
        match files.version {
            Version::V1 => LIMIT_OF_V1,
            Version::V2 => "memory.max",
        },
    )
}

/// A limit in a file. v1 says "none" by the highest multiple of the page size below 2^63.
fn bounded(files: &Files, file: &str) -> Result<Option<u64>> {
    Ok(files.number(file)?.filter(|limit| *limit < i64::MAX.cast_unsigned() - (1 << 16)))
}

/// How many processes of the group the kernel has killed to stay below a limit.
fn oom_kills(files: &Files) -> Result<Option<u64>> {
    // ANCHOR: exercise-6-6
    let file = match files.version {
        Version::V1 => "memory.oom_control",
        Version::V2 => "memory.events",
    };
    files.keyed(file, "oom_kill").context("counting OOM kills")
    // ANCHOR_END: exercise-6-6
}

#[cfg(test)]
mod tests;
