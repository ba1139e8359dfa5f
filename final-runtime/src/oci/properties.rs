//! Properties of a scope that nobody has a flag for: those that annotations name, and those that stand
//! for files of cgroup v2.
//!
//! An annotation is `org.systemd.property.NAME`, and its value is written as in GVariant's text format
//! ("GVariant Text Format" in GLib's manual): `'words'`, `true`, `-7`, `uint64 7`, `['one', 'two']`. Other
//! runtimes have the same. See systemd.unit(5), systemd.scope(5), org.freedesktop.systemd1(5).

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use step07::{
    Set,
    systemd::{Property, Setting},
};

const PREFIX: &str = "org.systemd.property.";

/// Those that annotations ask for.
pub fn of(annotations: &BTreeMap<String, String>) -> Result<Vec<Property>> {
    let named =
        annotations.iter().filter_map(|(key, text)| Some((key.strip_prefix(PREFIX)?, text)));
    let read = |(name, text): (&str, &String)| {
        property(name, text.trim())
            .with_context(|| format!("cgroup: annotations.{PREFIX}{name} {text:?}"))
    };
    named.map(read).collect()
}

fn property(name: &str, text: &str) -> Result<Property> {
    let letters = name.len() > 2 && name.chars().all(|c| c.is_ascii_alphabetic());
    ensure!(letters, "expected the name of a property of systemd's, of letters");
    let value = value(text)
        .context("expected a value such as 'words', true, uint64 7 or ['one', 'two']")?;
    // What is told to people in seconds systemd has in microseconds.
    match name.strip_suffix("Sec").filter(|_| !name.ends_with("USec")) {
        Some(name) => Ok((format!("{name}USec").into(), microseconds(text)?)),
        None => Ok((name.to_string().into(), value)),
    }
}

fn value(text: &str) -> Option<Setting> {
    match text.split_once(' ') {
        Some(("uint64", number)) => number.trim().parse().ok().map(Setting::Number),
        Some(("int64", number)) => number.trim().parse().ok().map(Setting::Signed),
        Some(("uint32", number)) => number.trim().parse().ok().map(Setting::Short),
        Some(("int32", number)) => number.trim().parse().ok().map(Setting::SignedShort),
        _ if ["true", "false"].contains(&text) => Some(Setting::Flag(text == "true")),
        _ => texts(text)
            .or_else(|| words(text).map(Setting::Text))
            .or_else(|| text.parse().ok().map(Setting::SignedShort)),
    }
}

/// `['one', 'two']`.
fn texts(text: &str) -> Option<Setting> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let all: Option<Vec<_>> = inner.split(',').map(|one| words(one.trim())).collect();
    all.map(Setting::Texts)
}

/// What is between two quotation marks; none is within, and nothing is escaped.
fn words(text: &str) -> Option<String> {
    let mark = text.chars().next().filter(|mark| ['\'', '"'].contains(mark))?;
    let inner = text.strip_prefix(mark)?.strip_suffix(mark)?;
    (!inner.contains([mark, '\\'])).then(|| inner.to_string())
}

fn microseconds(text: &str) -> Result<Setting> {
    let number = text.rsplit(' ').next().unwrap_or_default();
    let seconds: u64 = number.parse().context("expected a number of seconds")?;
    let microseconds = seconds.checked_mul(1_000_000).context("it is too large")?;
    Ok(Setting::Number(microseconds))
}

/// Those that stand for what is written to a file of cgroup v2.
pub fn meant(file: &str, text: &str) -> Vec<Property> {
    let number = |text: &str| match text {
        "max" => Some(u64::MAX),
        text => text.parse().ok(),
    };
    let text = text.trim();
    let property = |name: &'static str, number: Option<u64>| {
        number.map(|number| (name.into(), Setting::Number(number)))
    };
    let set = |name: &'static str| {
        let mask = text.parse::<Set>().ok().and_then(|set| set.mask());
        mask.map(|mask| (name.into(), Setting::Bytes(mask)))
    };
    let one = match file {
        "memory.max" => property("MemoryMax", number(text)),
        "memory.high" => property("MemoryHigh", number(text)),
        "memory.low" => property("MemoryLow", number(text)),
        "memory.min" => property("MemoryMin", number(text)),
        "memory.swap.max" => property("MemorySwapMax", number(text)),
        "pids.max" => property("TasksMax", number(text)),
        "cpu.weight" => property("CPUWeight", number(text)),
        "io.weight" => property("IOWeight", number(text.trim_start_matches("default "))),
        "cpuset.cpus" => set("AllowedCPUs"),
        "cpuset.mems" => set("AllowedMemoryNodes"),
        _ => None,
    };
    let (quota, period) = text.split_once(' ').unwrap_or((text, "100000"));
    match (file, number(quota), period.parse::<u64>()) {
        ("cpu.max", Some(quota), Ok(period @ 1..)) => {
            let part = match quota {
                u64::MAX => quota,
                quota => quota.saturating_mul(1_000_000) / period,
            };
            let both = [("CPUQuotaPerSecUSec", part), ("CPUQuotaPeriodUSec", period)];
            both.map(|(name, number)| (name.into(), Setting::Number(number))).into()
        }
        _ => one.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(properties: Vec<Property>) -> String {
        let one = |(name, value): &Property| format!("{name} {value}");
        properties.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    fn asked(name: &str, text: &str) -> Result<String> {
        of(&[(name.to_string(), text.to_string())].into()).map(told)
    }

    #[test]
    fn annotations_are_properties() {
        for (name, text, property) in [
            ("KillSignal", "37", "KillSignal i 37"),
            ("TimeoutStopUSec", "uint64 123456789", "TimeoutStopUSec t 123456789"),
            ("TimeoutStopSec", "5", "TimeoutStopUSec t 5000000"),
            ("TimeoutStopSec", "uint64 5", "TimeoutStopUSec t 5000000"),
            ("CollectMode", "'inactive'", "CollectMode s inactive"),
            ("Description", "\"it's two\"", "Description s 'it'\\''s two'"),
            ("SendSIGHUP", "true", "SendSIGHUP b true"),
            ("After", "['a.service', 'b.service']", "After as 2 a.service b.service"),
            ("Some", "int64 -7", "Some x -7"),
            ("Some", "uint32 7", "Some u 7"),
            ("Some", "int32 -7", "Some i -7"),
        ] {
            let said = asked(&format!("{PREFIX}{name}"), text).expect(text);
            assert_eq!(said, property);
        }
        assert_eq!(asked("org.systemd.other", "x").expect("it is none"), "");
    }

    #[test]
    fn what_is_no_property_is_refused() {
        for (name, text) in [
            ("Some", "words"),
            ("Some", "'words"),
            ("Some", "'wo'rds'"),
            ("Some", "uint64 -7"),
            ("Some", ""),
            ("Some", "[1, 2]"),
            ("SomeSec", "'5'"),
            ("SomeSec", "uint64 18446744073709551615"),
            ("", "1"),
            ("So me", "1"),
        ] {
            let error = asked(&format!("{PREFIX}{name}"), text).expect_err(text);
            let error = format!("{error:#}");
            let begin = format!("cgroup: annotations.{PREFIX}{name} {text:?}: ");
            assert!(error.starts_with(&begin), "{error}");
        }
    }

    #[test]
    fn files_of_v2_are_properties() {
        for (file, text, properties) in [
            ("memory.max", "4096", "MemoryMax t 4096"),
            ("memory.swap.max", "max", "MemorySwapMax t 18446744073709551615"),
            ("memory.high", "many", ""),
            ("pids.max", "7", "TasksMax t 7"),
            ("io.weight", "default 200", "IOWeight t 200"),
            ("cpuset.cpus", "0-2", "AllowedCPUs ay 1 7"),
            ("cpuset.mems", "0-4294967295", ""),
            ("cpu.max", "50000 200000", "CPUQuotaPerSecUSec t 250000, CPUQuotaPeriodUSec t 200000"),
            ("cpu.max", "50000", "CPUQuotaPerSecUSec t 500000, CPUQuotaPeriodUSec t 100000"),
            ("cpu.max", "1 0", ""),
            ("memory.oom.group", "1", ""),
        ] {
            assert_eq!(told(meant(file, text)), properties, "{file} {text}");
        }
        let unlimited = "CPUQuotaPerSecUSec t 18446744073709551615, CPUQuotaPeriodUSec t 100000";
        assert_eq!(told(meant("cpu.max", "max 100000")), unlimited);
    }
}
