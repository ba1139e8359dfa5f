//! The pids controller: how many processes and threads a group may have, so that a fork bomb in it
//! stops there.
//!
//! Both dialects have the same files: `pids.max`, `pids.current`, and where the kernel is new
//! enough `pids.peak` and `pids.events`. The limit holds for fork(2) and clone(2), which fail with
//! EAGAIN; nobody is killed, and joining the group is not refused. See the kernel's
//! admin-guide/cgroup-v1/pids.

use std::{fmt::Display, str::FromStr};

use anyhow::{Error, Result, bail};

use crate::{
    Controller, Files, Setting, Usage, Value,
    limits::flag,
    systemd::{self, Property},
};

/// The controller, and the limit that was asked for.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Pids {
    /// The most processes and threads at a time; -1 is no limit
    #[arg(
        id = "pids",
        long = "pids-limit",
        value_name = "N",
        value_parser = flag("--pids-limit", PidsLimit::from_str),
        allow_hyphen_values = true
    )]
    pub limit: Option<PidsLimit>,
}

/// A number of processes and threads, or `-1` for any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PidsLimit {
    /// So many.
    AtMost(u32),
    /// As many as the groups above allow.
    Unlimited,
}

/// The kernel has no more numbers for processes than this (`PID_MAX_LIMIT`).
const MOST: u32 = 4 << 20;

impl FromStr for PidsLimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            _ if text == "-1" => Ok(Self::Unlimited),
            Ok(number) if digits && (1..=MOST).contains(&number) => Ok(Self::AtMost(number)),
            _ => bail!("expected 1 to {MOST}, or -1 for no limit"),
        }
    }
}

impl Controller for Pids {
    fn name(&self) -> &'static str {
        "pids"
    }

    fn asked(&self) -> Option<&'static str> {
        matches!(self.limit, Some(PidsLimit::AtMost(_))).then_some("--pids-limit")
    }

    fn settings(&self, files: &Files) -> Result<Vec<Setting>> {
        // ANCHOR: exercise-6-1
        let setting = |value: &dyn Display| Setting::new("--pids-limit", "pids.max", value);
        Ok(match self.limit {
            Some(PidsLimit::AtMost(limit)) => vec![setting(&limit)],
            // A new group has no limit.
            Some(PidsLimit::Unlimited) if files.number("pids.max")?.is_some() => {
                vec![setting(&"max")]
            }
            Some(PidsLimit::Unlimited) | None => Vec::new(),
        })
        // ANCHOR_END: exercise-6-1
    }

    /// For a new scope always one: if nothing is said it gets a limit of systemd's own choice.
    fn properties(&self, now: Option<&Files>) -> Vec<Property> {
        let limit = match self.limit {
            Some(PidsLimit::AtMost(limit)) => limit.into(),
            None if now.is_some() => return Vec::new(),
            Some(PidsLimit::Unlimited) | None => u64::MAX,
        };
        vec![("TasksMax".into(), systemd::Setting::Number(limit))]
    }

    fn usage(&self, files: &Files) -> Result<Vec<Usage>> {
        let limit = files.number("pids.max")?.map(Value::Count);
        let count =
            |what, number: Option<u64>| number.map(|number| Usage::of(what, Value::Count(number)));
        let usage = [
            count("current", files.number("pids.current")?).map(|usage| usage.limited(limit)),
            count("peak", files.number("pids.peak")?).map(|usage| usage.limited(limit)),
            count("refused", files.keyed("pids.events", "max")?),
        ];
        Ok(usage.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1", PidsLimit::AtMost(1))]
    #[case("100", PidsLimit::AtMost(100))]
    #[case("4194304", PidsLimit::AtMost(4_194_304))]
    #[case("-1", PidsLimit::Unlimited)]
    fn numbers(#[case] text: &str, #[case] limit: PidsLimit) {
        assert_eq!(text.parse::<PidsLimit>().expect(text), limit);
    }

    #[rstest]
    fn no_numbers(
        #[values(
            "",
            "0",
            "-0",
            "-2",
            "+1",
            "1.5",
            "1e3",
            "max",
            "many",
            " 1",
            "4194305",
            "4294967297",
            "18446744073709551617"
        )]
        text: &str,
    ) {
        let error = text.parse::<PidsLimit>().expect_err(text).to_string();
        assert_eq!(error, "expected 1 to 4194304, or -1 for no limit");
    }
}
