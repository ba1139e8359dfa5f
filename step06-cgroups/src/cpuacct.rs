//! The cpuacct controller: how much CPU time a group has used. It limits nothing.
//!
//! | | v1 | v2 |
//! | --- | --- | --- |
//! | all | `cpuacct.usage` (ns) | `usage_usec` in `cpu.stat` |
//! | on each CPU | `cpuacct.usage_percpu` (ns) | – |
//! | in programs, in the kernel | `cpuacct.usage_user`, `cpuacct.usage_sys` (ns) | `user_usec`, `system_usec` in `cpu.stat` |
//!
//! v2 has no controller of this name: its `cpu.stat` counts in every group. See the kernel's
//! admin-guide/cgroup-v1/cpuacct and admin-guide/cgroup-v2.

use std::time::Duration;

use anyhow::Result;

use crate::{Controller, Files, Usage, Value, Version};

/// The controller.
#[derive(Clone, Debug, Default)]
pub struct CpuAcct;

impl Controller for CpuAcct {
    fn name(&self) -> &'static str {
        "cpuacct"
    }

    fn listed(&self) -> bool {
        false
    }

    fn usage(&self, files: &Files) -> Result<Vec<Usage>> {
        let usage = [
            ("usage", "cpuacct.usage", "usage_usec"),
            ("user", "cpuacct.usage_user", "user_usec"),
            ("system", "cpuacct.usage_sys", "system_usec"),
        ];
        let mut known = Vec::new();
        for (what, file, key) in usage {
            let time = match files.version {
                Version::V1 => files.number(file)?.map(Duration::from_nanos),
                Version::V2 => files.keyed("cpu.stat", key)?.map(Duration::from_micros),
            };
            known.extend(time.map(|time| Usage::of(what, Value::Time(time))));
        }
        let each = files.read("cpuacct.usage_percpu")?.unwrap_or_default();
        let times = each.split_whitespace().enumerate().filter_map(|(cpu, time)| {
            // Most CPUs of a large machine have never seen the group.
            let time = time.parse().ok().filter(|time| *time > 0).map(Duration::from_nanos)?;
            Some(Usage::of(format!("cpu{cpu}"), Value::Time(time)))
        });
        known.extend(times);
        Ok(known)
    }
}
