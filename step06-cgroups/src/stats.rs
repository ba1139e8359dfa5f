//! What a container has used, as a table for a person or as numbers for a program.

use std::{fmt, time::Duration};

use anyhow::{Context, Result};

use crate::{Controller, Group, Usage, Value};

/// What each controller counted, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats(pub Vec<(&'static str, Vec<Usage>)>);

impl Stats {
    /// Asks each of `controllers` that is at work in `group`.
    pub fn read(group: &Group, controllers: &[Box<dyn Controller>]) -> Result<Self> {
        let mut all = Vec::new();
        for controller in controllers {
            if let Some(files) = group.files(controller.as_ref()) {
                let name = controller.name_in(files.version);
                all.push((
                    name,
                    controller.usage(files).with_context(|| format!("reading {name}"))?,
                ));
            }
        }
        Ok(Self(all))
    }

    /// One number.
    pub fn get(&self, controller: &str, what: &str) -> Option<&Usage> {
        let (_, usage) = self.0.iter().find(|(name, _)| *name == controller)?;
        usage.iter().find(|one| one.what == what)
    }
}

/// One line a number: controller, what is counted, how much, and of how much.
///
/// ```text
/// CONTROLLER  COUNTED    VALUE      LIMIT
/// memory      current    812 KiB    64 MiB
/// memory      oom-kills  0          -
/// ```
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let all = self.0.iter().flat_map(|(_, usage)| usage);
        let wide = all.map(|one| one.what.chars().count()).max().unwrap_or(0).max(9);
        writeln!(f, "{:<10}  {:<wide$}  {:<9}  LIMIT", "CONTROLLER", "COUNTED", "VALUE")?;
        for (controller, usage) in &self.0 {
            for Usage { what, value, limit } in usage {
                let value = value.to_string();
                let limit = limit.map_or("-".into(), |limit| limit.to_string());
                writeln!(f, "{controller:<10}  {what:<wide$}  {value:<9}  {limit}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Bytes(number) => f.write_str(&bytes(*number)),
            Self::Time(time) => f.write_str(&seconds(*time)),
            Self::Count(number) => write!(f, "{number}"),
            Self::MilliCpus(number) if number % 1000 == 0 => write!(f, "{} CPU", number / 1000),
            Self::MilliCpus(number) => {
                let text = format!("{}.{:03}", number / 1000, number % 1000);
                write!(f, "{} CPU", text.trim_end_matches('0'))
            }
        }
    }
}

/// With the largest unit that leaves at least 1, and one digit after the point unless it is 0.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["TiB", "GiB", "MiB", "KiB", "B"];
    let unit = |at: usize| 1u64 << (10 * (UNITS.len() - 1 - at));
    let at = (0..UNITS.len()).find(|at| number >= unit(*at)).unwrap_or(UNITS.len() - 1);
    let (whole, tenth) = (number / unit(at), number % unit(at) * 10 / unit(at));
    match tenth {
        0 => format!("{whole} {}", UNITS[at]),
        tenth => format!("{whole}.{tenth} {}", UNITS[at]),
    }
}

fn seconds(time: Duration) -> String {
    match time.as_micros() {
        micros @ 0..1_000 => format!("{micros} us"),
        micros @ 1_000..1_000_000 => format!("{}.{} ms", micros / 1000, micros % 1000 / 100),
        micros => format!("{}.{:02} s", micros / 1_000_000, micros % 1_000_000 / 10_000),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Value::Bytes(0), "0 B")]
    #[case(Value::Bytes(1023), "1023 B")]
    #[case(Value::Bytes(1024), "1 KiB")]
    #[case(Value::Bytes(1536), "1.5 KiB")]
    #[case(Value::Bytes((64 << 20) - 1), "63.9 MiB")]
    #[case(Value::Bytes(64 << 20), "64 MiB")]
    #[case(Value::Bytes(u64::MAX), "16777215.9 TiB")]
    #[case(Value::Count(7), "7")]
    #[case(Value::Time(Duration::from_nanos(999_999)), "999 us")]
    #[case(Value::Time(Duration::from_micros(1_500)), "1.5 ms")]
    #[case(Value::Time(Duration::from_millis(61_070)), "61.07 s")]
    #[case(Value::MilliCpus(500), "0.5 CPU")]
    #[case(Value::MilliCpus(10), "0.01 CPU")]
    #[case(Value::MilliCpus(2_000), "2 CPU")]
    fn values_read_well(#[case] value: Value, #[case] text: &str) {
        assert_eq!(value.to_string(), text);
    }

    #[test]
    fn the_table_has_a_line_for_each_number() {
        let usage = vec![
            Usage::of("current", Value::Bytes(1 << 20)).limited(Some(Value::Bytes(64 << 20))),
            Usage::of("oom-kills", Value::Count(0)),
        ];
        let stats = Stats(vec![("memory", usage), ("cpuset", vec![])]);
        assert_eq!(
            stats.to_string(),
            "\
CONTROLLER  COUNTED    VALUE      LIMIT
memory      current    1 MiB      64 MiB
memory      oom-kills  0          -
"
        );
        assert_eq!(stats.get("memory", "oom-kills").map(|one| one.value), Some(Value::Count(0)));
        assert_eq!(stats.get("memory", "peak"), None);
        assert_eq!(stats.get("pids", "current"), None);
    }
}
