//! `linux.resources`, in the words of step 6's flags.
//!
//! Step 6 has a flag for each limit, and knows how to read it, what contradicts what, and which file
//! it is in either dialect. So what is asked for in JSON is said as flags, and only what has no flag
//! goes another way: devices, which are a list to be followed in order, and files that are named.
//! Engines write 0 for what they do not ask for. See "Control groups" in config-linux.md of the OCI
//! runtime specification.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Command, FromArgMatches};
use step07::{
    Access, Controller, DeviceRule, Devices, Files, Hierarchy, Limits, Setting, Version, one_line,
    step06::Kind, systemd::Property,
};

use super::properties;
use crate::spec::{self, Resources, ThrottleDevice};

/// What a new container is held to.
pub fn controllers(resources: &Resources) -> Result<Vec<Box<dyn Controller>>> {
    let mut all = parse(&words(resources)?)?.controllers();
    let mut devices = devices(resources)?;
    // Who has no say over devices has no other devices than those of every container either. But
    // somebody must say no to what is denied by name.
    devices.asked = devices.asked.filter(|_| devices.rules.iter().any(|rule| !rule.allow));
    all.retain(|one| one.name() != "devices");
    all.push(Box::new(devices));
    all.extend(named(resources)?);
    Ok(all)
}

/// What a container that runs is to be held to from now on.
pub fn changes(resources: &Resources) -> Result<Vec<Box<dyn Controller>>> {
    let mut all = parse(&words(resources)?)?.changes();
    if !resources.devices.is_empty() {
        all.push(Box::new(devices(resources)?));
    }
    all.extend(named(resources)?);
    Ok(all)
}

fn parse(words: &[String]) -> Result<Limits> {
    if words.is_empty() {
        return Ok(Limits::default());
    }
    let command = Limits::augment_args(Command::new("limits").no_binary_name(true));
    let read = command.try_get_matches_from(words).and_then(|it| Limits::from_arg_matches(&it));
    read.map_err(|error| anyhow!("{}", one_line(&error)))
}

/// Flags and values.
fn words(resources: &Resources) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut say = |flag: &str, value: Option<String>| {
        words.extend(value.map(|value| format!("--{flag}={value}")));
    };
    if let Some(memory) = &resources.memory {
        let size = |size: Option<i64>| size.filter(|size| *size > 0).map(|size| size.to_string());
        say("memory", size(memory.limit));
        say("memory-swap", memory.swap.filter(|swap| *swap != 0).map(|swap| swap.to_string()));
        say("memory-reservation", size(memory.reservation));
        if is_v1("memory")? {
            say("memory-swappiness", memory.swappiness.map(|number| number.to_string()));
            say(
                "oom-kill-disable",
                memory.disable_oom_killer.filter(|on| *on).map(|_| "true".into()),
            );
        }
    }
    if let Some(cpu) = &resources.cpu {
        let number = |number: Option<u64>| number.filter(|n| *n > 0).map(|n| n.to_string());
        let set = |set: &Option<String>| set.clone().filter(|set| !set.is_empty());
        // The kernel's own bounds, which v1 applies without a word.
        say("cpu-shares", number(cpu.shares.filter(|n| *n > 0).map(|n| n.clamp(2, 262_144))));
        let quota = cpu.quota.filter(|quota| *quota != 0);
        say("cpu-quota", quota.map(|quota| quota.max(-1).to_string()));
        say("cpu-period", number(cpu.period));
        say("cpu-burst", cpu.burst.map(|burst| burst.to_string()));
        say("cpu-idle", cpu.idle.map(|idle| (idle != 0).to_string()));
        say("cpuset-cpus", set(&cpu.cpus));
        say("cpuset-mems", set(&cpu.mems));
    }
    if let Some(limit) = resources.pids.and_then(|pids| pids.limit).filter(|limit| *limit != 0) {
        const MOST: i64 = 4 << 20; // the kernel has no more numbers
        say("pids-limit", Some(if limit > MOST { -1 } else { limit.max(-1) }.to_string()));
    }
    if let Some(io) = &resources.block_io {
        say("blkio-weight", io.weight.filter(|weight| *weight != 0).map(|n| n.to_string()));
        for one in &io.weight_device {
            let weight = one.weight.filter(|weight| *weight != 0);
            say(
                "blkio-weight-device",
                weight.map(|n| format!("{}:{n}", disk(one.major, one.minor))),
            );
        }
        for (flag, rates) in [
            ("device-read-bps", &io.throttle_read_bps_device),
            ("device-write-bps", &io.throttle_write_bps_device),
            ("device-read-iops", &io.throttle_read_iops_device),
            ("device-write-iops", &io.throttle_write_iops_device),
        ] {
            rates.iter().for_each(|one| say(flag, Some(rate(one))));
        }
    }
    for limit in &resources.hugepage_limits {
        let size = limit.page_size.trim_end_matches('B');
        say("hugetlb", Some(format!("{size}={}", limit.limit)));
    }
    if let Some(class) = resources.network.as_ref().and_then(|network| network.class_id) {
        say("net-cls", Some(class.to_string()).filter(|_| class != 0));
    }
    Ok(words)
}

fn rate(one: &ThrottleDevice) -> String {
    let rate = if one.rate == 0 { "max".into() } else { one.rate.to_string() };
    format!("{}:{rate}", disk(one.major, one.minor))
}

/// A disk by its numbers, where the kernel shows it.
fn disk(major: u32, minor: u32) -> String {
    format!("/sys/dev/block/{major}:{minor}")
}

fn is_v1(controller: &str) -> Result<bool> {
    let all = Hierarchy::all().context("cgroup")?;
    Ok(all.iter().any(|one| one.version == Version::V1 && one.has(controller)))
}

fn devices(resources: &Resources) -> Result<Devices> {
    let devices = Devices::with(&device_rules(&resources.devices)?);
    Ok(Devices { asked: Some("linux.resources.devices"), ..devices })
}

/// The rules that have an effect: a later one overrides an earlier one.
pub fn device_rules(rules: &[spec::DeviceRule]) -> Result<Vec<DeviceRule>> {
    let mut all: Vec<DeviceRule> = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        let read = device_rule(rule)
            .with_context(|| format!("cgroup: linux.resources.devices[{number}]"))?;
        if read.is_everything() {
            all.clear();
        }
        // Everything is denied to begin with.
        if read.allow || !read.is_everything() {
            all.push(read);
        }
    }
    Ok(all)
}

fn device_rule(rule: &spec::DeviceRule) -> Result<DeviceRule> {
    let number = |number: Option<i64>| -> Result<Option<u32>> {
        match number {
            None | Some(-1) => Ok(None),
            Some(number) => number.try_into().map(Some).context("expected a number, or -1 for all"),
        }
    };
    let kind = match rule.kind.as_deref() {
        None | Some("" | "a") => Kind::All,
        Some("c" | "u") => Kind::Char,
        Some("b") => Kind::Block,
        Some(other) => bail!("type {other:?}: expected a, b or c"),
    };
    let access = match rule.access.as_deref() {
        None | Some("") => Access::ALL,
        Some(letters) => letters.parse::<Access>()?,
    };
    Ok(DeviceRule {
        kind,
        major: number(rule.major)?,
        minor: number(rule.minor)?,
        access,
        allow: rule.allow,
    })
}

/// Files that are named, or that no flag is about.
fn named(resources: &Resources) -> Result<Vec<Box<dyn Controller>>> {
    let mut all: BTreeMap<(&'static str, Version), Vec<(String, String)>> = BTreeMap::new();
    for (file, value) in &resources.unified {
        let controller = file.split('.').next().unwrap_or_default();
        let known = CONTROLLERS.iter().find(|known| **known == controller);
        let known = known.with_context(|| {
            format!(
                "cgroup: linux.resources.unified: {file:?} is no file of a controller of cgroup v2"
            )
        })?;
        if file.contains('/') {
            bail!("cgroup: linux.resources.unified: {file:?} is a path");
        }
        all.entry((known, Version::V2)).or_default().push((file.clone(), value.clone()));
    }
    let memory = resources.memory.clone().unwrap_or_default();
    if memory.limit == Some(-1) {
        let v1 = [("memory.memsw.limit_in_bytes", "-1"), ("memory.limit_in_bytes", "-1")];
        let v2 = [("memory.max", "max")];
        let texts = |(file, value): &(&str, &str)| (file.to_string(), value.to_string());
        all.entry(("memory", Version::V1)).or_default().extend(v1.iter().map(texts));
        all.entry(("memory", Version::V2)).or_default().extend(v2.iter().map(texts));
    }
    if let Some(limit) = memory.kernel_tcp.filter(|limit| *limit != 0) {
        let one = ("memory.kmem.tcp.limit_in_bytes".to_string(), limit.to_string());
        all.entry(("memory", Version::V1)).or_default().push(one);
    }
    let cpu = resources.cpu.clone().unwrap_or_default();
    for (file, value) in [
        ("cpu.rt_period_us", cpu.realtime_period.map(|number| number.to_string())),
        ("cpu.rt_runtime_us", cpu.realtime_runtime.map(|number| number.to_string())),
    ] {
        let value = value.filter(|value| value != "0").map(|value| (file.to_string(), value));
        all.entry(("cpu", Version::V1)).or_default().extend(value);
    }
    let network = resources.network.clone().unwrap_or_default();
    for one in &network.priorities {
        let line = format!("{} {}", one.name, one.priority);
        let file = "net_prio.ifpriomap".to_string();
        all.entry(("net_prio", Version::V1)).or_default().push((file, line));
    }
    for (device, limit) in &resources.rdma {
        let part = |name: &str, number: Option<u32>| number.map(|n| format!(" {name}={n}"));
        let parts = [part("hca_handle", limit.hca_handles), part("hca_object", limit.hca_objects)];
        let line: String = [Some(device.clone())].into_iter().chain(parts).flatten().collect();
        for version in [Version::V1, Version::V2] {
            all.entry(("rdma", version)).or_default().push(("rdma.max".into(), line.clone()));
        }
    }
    all.retain(|_, files| !files.is_empty());
    // What one dialect alone has is asked for by all of its files, or by none.
    let with_other =
        |name: &str, version| all.keys().any(|(other, of)| *other == name && *of != version);
    let lone: Vec<_> = all.keys().map(|(name, of)| !with_other(name, *of)).collect();
    let named = all.into_iter().zip(lone).map(|(((name, version), files), lone)| {
        let named = Named { name, version, files, lone };
        Box::new(named) as Box<dyn Controller>
    });
    Ok(named.collect())
}

/// The controllers of cgroup v2.
const CONTROLLERS: [&str; 9] =
    ["cpu", "cpuset", "hugetlb", "io", "memory", "misc", "pids", "rdma", "dmem"];

/// Files of a controller, as they were named, in the dialect that has them.
struct Named {
    name: &'static str,
    version: Version,
    files: Vec<(String, String)>,
    /// Whether it is an error if the controller is there in the other dialect.
    lone: bool,
}

/// Who asked.
const UNIFIED: &str = "linux.resources";

impl Controller for Named {
    fn name(&self) -> &'static str {
        self.name
    }

    fn asked(&self) -> Option<&'static str> {
        self.lone.then_some(UNIFIED)
    }

    fn check(&self, version: Version) -> Result<()> {
        if self.lone && version != self.version {
            let (file, _) = &self.files[0];
            let (here, there) = match version {
                Version::V1 => ("v1", "v2"),
                Version::V2 => ("v2", "v1"),
            };
            bail!("{UNIFIED}: {file} is a file of cgroup {there}, and {} is in {here}", self.name);
        }
        Ok(())
    }

    fn properties(&self, _now: Option<&Files>) -> Vec<Property> {
        match self.version {
            Version::V1 => Vec::new(), // of which systemd has no words for these
            Version::V2 => {
                self.files.iter().flat_map(|(file, text)| properties::meant(file, text)).collect()
            }
        }
    }

    fn settings(&self, files: &Files) -> Result<Vec<Setting>> {
        if files.version != self.version {
            return Ok(Vec::new());
        }
        // Not every kernel counts swap.
        let there =
            self.files.iter().filter(|(file, _)| !file.contains("memsw") || files.has(file));
        Ok(there.map(|(file, value)| Setting::new(UNIFIED, file.clone(), value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: serde_json::Value) -> Result<String> {
        let rules: Vec<spec::DeviceRule> = serde_json::from_value(json)?;
        Ok(device_rules(&rules)?.iter().map(DeviceRule::shown).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn a_later_rule_for_devices_overrides_an_earlier_one() {
        let deny = serde_json::json!({"allow": false, "access": "rwm"});
        let null = serde_json::json!({"allow": true, "type": "c", "major": 1, "minor": 3});
        let tape = serde_json::json!({"allow": true, "type": "c", "major": 9, "access": "rw"});
        let no_tape = serde_json::json!({"allow": false, "type": "c", "major": 9, "access": "w"});
        let all = serde_json::json!({"allow": true, "access": "rwm"});
        let said = |list: &[&serde_json::Value]| {
            let list: Vec<_> = list.iter().copied().cloned().collect();
            rules(list.into()).map_err(|error| format!("{error:#}"))
        };
        assert_eq!(said(&[&deny, &null, &tape]), Ok("c 1:3 rwm, c 9:* rw".into()));
        assert_eq!(said(&[&null, &deny]), Ok(String::new()));
        assert_eq!(said(&[&tape, &no_tape]), Ok("c 9:* rw, not c 9:* w".into()));
        assert_eq!(said(&[&null, &all, &no_tape]), Ok("a *:* rwm, not c 9:* w".into()));
    }

    #[test]
    fn what_is_not_asked_for_is_not_said() {
        let asked = |json: serde_json::Value| -> Vec<String> {
            words(&serde_json::from_value(json).expect("resources")).expect("words")
        };
        let nothing = serde_json::json!({
            "memory": {"limit": 0, "disableOOMKiller": false}, "cpu": {"shares": 0, "quota": 0,
            "period": 0, "cpus": ""}, "pids": {"limit": 0}, "blockIO": {"weight": 0}
        });
        assert_eq!(asked(nothing), [""; 0]);
        let some = serde_json::json!({
            "memory": {"limit": 67108864, "swap": -1}, "cpu": {"shares": 1, "quota": 50000},
            "pids": {"limit": -1}, "hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}],
            "blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1000}]}
        });
        assert_eq!(
            asked(some),
            [
                "--memory=67108864",
                "--memory-swap=-1",
                "--cpu-shares=2",
                "--cpu-quota=50000",
                "--pids-limit=-1",
                "--device-read-bps=/sys/dev/block/8:0:1000",
                "--hugetlb=2M=4194304",
            ]
        );
    }
}
