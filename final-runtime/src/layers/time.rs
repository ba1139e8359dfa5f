//! The time namespace: clocks of the container's own, ahead of the host's or behind.
//!
//! See time_namespaces(7). The offsets can be set until the first process is in the namespace; so it
//! is made by the predecessor of the container's first process, which is not in it itself.

use std::{collections::BTreeMap, fs};

use anyhow::Result;
use nix::sched::unshare;
use step07::{Explain, Layer, sh};

use super::namespaces::NEWTIME;
use crate::spec::TimeOffset;

/// The layer that makes it.
pub struct Time {
    /// By the clocks' names: `monotonic` and `boottime`.
    pub offsets: BTreeMap<String, TimeOffset>,
}

const FILE: &str = "/proc/self/timens_offsets";

impl Layer for Time {
    fn name(&self) -> &'static str {
        "time"
    }

    fn joins(&self) -> bool {
        true
    }

    fn join(&mut self, explain: &Explain) -> Result<()> {
        explain.act("unshare --time", "making a time namespace", || unshare(NEWTIME))?;
        if self.offsets.is_empty() {
            return Ok(());
        }
        let line = |(clock, offset): (&String, &TimeOffset)| {
            format!("{clock} {} {}", offset.secs, offset.nanosecs)
        };
        let lines: Vec<_> = self.offsets.iter().map(line).collect();
        let words = ["printf", r"%s\n"].into_iter().chain(lines.iter().map(String::as_str));
        explain.act(
            format_args!("{} > {FILE}", sh(words)),
            format_args!("writing {:?} to {FILE}", lines.join(", ")),
            || fs::write(FILE, lines.join("\n")),
        )
    }
}
