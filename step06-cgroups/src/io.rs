//! The io controller, which v1 calls blkio: how fast a group may read from disks and write to them,
//! and whose turn it is on a disk that is busy.
//!
//! | | v1 (`blkio`) | v2 (`io`) |
//! | --- | --- | --- |
//! | bytes a second | `blkio.throttle.read_bps_device`, `…write_bps_device` | `rbps=`, `wbps=` in `io.max` |
//! | operations a second | `blkio.throttle.read_iops_device`, `…write_iops_device` | `riops=`, `wiops=` in `io.max` |
//! | its share beside others | `blkio.bfq.weight`, of old kernels `blkio.weight` | `io.bfq.weight`, `io.weight` |
//! | its share of one disk | `blkio.bfq.weight_device`, `blkio.weight_device` | the same files |
//! | bytes so far | `blkio.throttle.io_service_bytes`, `blkio.bfq.io_service_bytes` | `rbytes=`, `wbytes=` in `io.stat` |
//! | operations so far | `blkio.throttle.io_serviced`, `blkio.bfq.io_serviced` | `rios=`, `wios=` in `io.stat` |
//!
//! One who reads or writes faster waits. v1 holds back whoever hands something to a disk: that is
//! the reader, but of a file's writers only those who write past the page cache (O_DIRECT). v2 knows
//! whose the pages in the cache are, if the file system tells it. See the kernel's
//! admin-guide/cgroup-v1/blkio-controller and admin-guide/cgroup-v2 ("IO").

use std::{collections::BTreeMap, fs, str::FromStr};

use anyhow::{Context, Error, Result, bail, ensure};

use crate::{
    Controller, Files, Setting, Usage, Value, Version,
    disk::{self, OnDisk},
    limits::flag,
    size::size,
    systemd::{self, Property},
};

/// The controller, and what was asked for.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Io {
    /// The most bytes a second to read from a disk, as in /dev/sda:10m; max is no limit
    #[arg(long, value_name = "DEV:RATE", value_parser = flag("--device-read-bps", bytes), allow_hyphen_values = true)]
    pub device_read_bps: Vec<Rate>,

    /// The most bytes a second to write to a disk
    #[arg(long, value_name = "DEV:RATE", value_parser = flag("--device-write-bps", bytes), allow_hyphen_values = true)]
    pub device_write_bps: Vec<Rate>,

    /// The most reads a second from a disk, as in /dev/sda:1000; max is no limit
    #[arg(long, value_name = "DEV:RATE", value_parser = flag("--device-read-iops", operations), allow_hyphen_values = true)]
    pub device_read_iops: Vec<Rate>,

    /// The most writes a second to a disk
    #[arg(long, value_name = "DEV:RATE", value_parser = flag("--device-write-iops", operations), allow_hyphen_values = true)]
    pub device_write_iops: Vec<Rate>,

    /// Its share of busy disks: 10 to 1000; who says nothing has 100
    #[arg(long, value_name = "N", value_parser = flag("--blkio-weight", Weight::from_str), allow_hyphen_values = true)]
    pub blkio_weight: Option<Weight>,

    /// Its share of one disk, as in /dev/sda:200
    #[arg(long, value_name = "DEV:N", value_parser = flag("--blkio-weight-device", disk_weight), allow_hyphen_values = true)]
    pub blkio_weight_device: Vec<OnDisk<Weight>>,
}

/// So much a second; `None` is no limit.
pub type Rate = OnDisk<Option<u64>>;

/// A share: two groups that both want more than a disk can do get it in the ratio of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight(u16);

impl FromStr for Weight {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = digits(text).filter(|number| (10..=1000).contains(number));
        let number = number.and_then(|number| number.try_into().ok());
        number.map(Self).context("expected 10 to 1000")
    }
}

fn disk_weight(text: &str) -> Result<OnDisk<Weight>> {
    OnDisk::parse(text, str::parse)
}

fn bytes(text: &str) -> Result<Rate> {
    OnDisk::parse(text, |text| match text {
        "max" => Ok(None),
        text => match size(text)? {
            0 => bail!("expected at least 1, or max for no limit"),
            number => Ok(Some(number)),
        },
    })
}

fn operations(text: &str) -> Result<Rate> {
    // As many as the kernel's number has room for, of which it takes the highest for "no limit".
    const MOST: u64 = u32::MAX as u64 - 1;
    OnDisk::parse(text, |text| match digits(text) {
        _ if text == "max" => Ok(None),
        Some(number @ 1..=MOST) => Ok(Some(number)),
        _ => bail!("expected 1 to {MOST}, or max for no limit"),
    })
}

/// A number without a sign.
fn digits(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// One of the four limits.
struct Throttle<'a> {
    flag: &'static str,
    rates: &'a [Rate],
    v1: &'static str,
    v2: &'static str,
}

/// A file for weights, which has its name from the part of the kernel that heeds it. Of several
/// each is at work on disks of its own.
struct WeightFile {
    /// On those that have this scheduler; `None`: whatever the scheduler.
    scheduler: Option<&'static str>,
    all: &'static str,
    one: &'static str,
}

/// A number that the kernel counts: in v1 one word of a file, in v2 a key of `io.stat`.
struct Counter {
    what: &'static str,
    v1: (&'static str, &'static str),
    v2: &'static str,
    value: fn(u64) -> Value,
}

const COUNTERS: [Counter; 4] = {
    const BYTES: &str = "io_service_bytes_recursive";
    const TIMES: &str = "io_serviced_recursive";
    [
        Counter { what: "read", v1: (BYTES, "Read"), v2: "rbytes", value: Value::Bytes },
        Counter { what: "written", v1: (BYTES, "Write"), v2: "wbytes", value: Value::Bytes },
        Counter { what: "reads", v1: (TIMES, "Read"), v2: "rios", value: Value::Count },
        Counter { what: "writes", v1: (TIMES, "Write"), v2: "wios", value: Value::Count },
    ]
};

impl Io {
    fn throttles(&self) -> [Throttle<'_>; 4] {
        let throttle = |flag, rates, v1, v2| Throttle { flag, rates, v1, v2 };
        [
            throttle(
                "--device-read-bps",
                &self.device_read_bps[..],
                "blkio.throttle.read_bps_device",
                "rbps",
            ),
            throttle(
                "--device-write-bps",
                &self.device_write_bps,
                "blkio.throttle.write_bps_device",
                "wbps",
            ),
            throttle(
                "--device-read-iops",
                &self.device_read_iops,
                "blkio.throttle.read_iops_device",
                "riops",
            ),
            throttle(
                "--device-write-iops",
                &self.device_write_iops,
                "blkio.throttle.write_iops_device",
                "wiops",
            ),
        ]
    }
}

impl Throttle<'_> {
    fn settings(&self, version: Version) -> Result<Vec<Setting>> {
        let on = |rate: &Rate| Ok(self.setting(version, &disk::number(&rate.device)?, rate.value));
        self.rates.iter().map(on).collect::<Result<_>>().context(self.flag)
    }

    fn setting(&self, version: Version, disk: &str, rate: Option<u64>) -> Setting {
        match version {
            // 0 stands for "no limit".
            Version::V1 => Setting::line(self.flag, self.v1, disk, rate.unwrap_or(0), "0"),
            Version::V2 => {
                let rate = rate.map_or("max".to_string(), |rate| rate.to_string());
                let rate = format!("{}={rate}", self.v2);
                let nothing = "rbps=max wbps=max riops=max wiops=max";
                Setting::line(self.flag, "io.max", disk, rate, nothing)
            }
        }
    }
}

/// Those that this kernel has.
fn weight_files(files: &Files) -> Result<Vec<WeightFile>> {
    let file = |scheduler, all, one| WeightFile { scheduler, all, one };
    let known = match files.version {
        Version::V1 => [
            file(Some("[bfq]"), "blkio.bfq.weight", "blkio.bfq.weight_device"),
            file(Some("[cfq]"), "blkio.weight", "blkio.weight_device"),
        ],
        Version::V2 => [
            file(Some("[bfq]"), "io.bfq.weight", "io.bfq.weight"),
            file(None, "io.weight", "io.weight"),
        ],
    };
    let there: Vec<_> = known.into_iter().filter(|file| files.has(file.all)).collect();
    ensure!(
        !there.is_empty(),
        "this kernel does not share disks out by weight (the scheduler BFQ does, where it is built \
         with CONFIG_BFQ_GROUP_IOSCHED and, as a module, loaded: modprobe bfq)"
    );
    Ok(there)
}

impl WeightFile {
    /// A number that is written as it is: all parts of the kernel give a group that says nothing
    /// the same, 100, and only the ratio of two counts.
    fn of_all(&self, version: Version, weight: Weight) -> Setting {
        let setting = Setting::new("--blkio-weight", self.all, weight.0);
        match version {
            Version::V1 => setting,
            Version::V2 => setting.shown_as("default"),
        }
    }
}

/// In the file of the part of the kernel that looks after the disk. Other files refuse it.
fn weight_on(files: &Files, on: &OnDisk<Weight>) -> Result<Setting> {
    let disk = disk::number(&on.device)?;
    let known = weight_files(files)?;
    let schedulers = fs::read_to_string(scheduler_of(&disk)).unwrap_or_default();
    let is_its = |file: &&WeightFile| file.scheduler.is_none_or(|one| schedulers.contains(one));
    let file = known.iter().find(is_its).unwrap_or(&known[0]);
    Ok(Setting::line("--blkio-weight-device", file.one, &disk, on.value.0, "default"))
}

/// The file that names what a disk could have for a scheduler, and in brackets what it has.
fn scheduler_of(disk: &str) -> String {
    format!("/sys/dev/block/{disk}/queue/scheduler")
}

impl Controller for Io {
    fn name(&self) -> &'static str {
        "blkio"
    }

    fn name_in(&self, version: Version) -> &'static str {
        match version {
            Version::V1 => "blkio",
            Version::V2 => "io",
        }
    }

    fn asked(&self) -> Option<&'static str> {
        let throttle = self.throttles().into_iter().find(|throttle| !throttle.rates.is_empty());
        let one = (!self.blkio_weight_device.is_empty()).then_some("--blkio-weight-device");
        throttle
            .map(|throttle| throttle.flag)
            .or(self.blkio_weight.map(|_| "--blkio-weight"))
            .or(one)
    }

    fn check(&self, _version: Version) -> Result<()> {
        let rates =
            self.throttles().map(|one| one.rates.iter().map(move |on| (one.flag, &on.device)));
        let weights = self.blkio_weight_device.iter();
        let weights = weights.map(|on| ("--blkio-weight-device", &on.device));
        let mut disks = rates.into_iter().flatten().chain(weights);
        disks.try_for_each(|(flag, device)| disk::number(device).map(drop).context(flag))
    }

    fn settings(&self, files: &Files) -> Result<Vec<Setting>> {
        let mut settings = Vec::new();
        for throttle in self.throttles() {
            settings.extend(throttle.settings(files.version)?);
        }
        if let Some(weight) = self.blkio_weight {
            let known = weight_files(files).context("--blkio-weight")?;
            settings.extend(known.iter().map(|file| file.of_all(files.version, weight)));
        }
        for on in &self.blkio_weight_device {
            settings.push(weight_on(files, on).context("--blkio-weight-device")?);
        }
        Ok(settings)
    }

    fn why(&self, _files: &Files, setting: &Setting, errno: i32) -> Option<String> {
        let weight = errno == libc::EOPNOTSUPP && setting.flag == "--blkio-weight-device";
        let disk = setting.value.split(' ').next().filter(|_| weight)?;
        let scheduler = scheduler_of(disk);
        Some(format!("the disk's scheduler takes no weights (BFQ does: echo bfq > {scheduler})"))
    }

    /// A weight counts against the groups beside it: in a scope, against the scopes.
    fn properties(&self, _now: Option<&Files>) -> Vec<Property> {
        let weight = |Weight(weight)| systemd::Setting::Number(u64::from(weight));
        self.blkio_weight.map(|it| ("IOWeight".into(), weight(it))).into_iter().collect()
    }

    fn usage(&self, files: &Files) -> Result<Vec<Usage>> {
        let mut known = Vec::new();
        for Counter { what, v1, v2, value } in COUNTERS {
            let count = match files.version {
                Version::V1 => count_of_v1(files, v1)?,
                Version::V2 => count_of_v2(files, v2)?,
            };
            known.extend(count.map(|count| Usage::of(what, value(count))));
        }
        Ok(known)
    }
}

/// The sum over all disks, in v1. BFQ counts on the disks that it schedules, and the throttle
/// everywhere, but of late (Linux 6.10) only on disks on which somebody is limited: where both
/// count, both count the same. If no disk is listed nobody has counted.
fn count_of_v1(files: &Files, (file, word): (&str, &str)) -> Result<Option<u64>> {
    let mut disks: BTreeMap<String, u64> = BTreeMap::new();
    for by in ["throttle", "bfq"] {
        let text = files.read(&format!("blkio.{by}.{file}"))?.unwrap_or_default();
        for line in text.lines() {
            // `MAJOR:MINOR Read N`; the last line is `Total N`.
            let words: Vec<_> = line.split(' ').collect();
            if let [disk, of, number] = words[..]
                && of == word
            {
                let known = disks.entry(disk.to_string()).or_default();
                *known = number.parse().unwrap_or(0).max(*known);
            }
        }
    }
    Ok((!disks.is_empty()).then(|| disks.values().sum()))
}

/// The sum over all disks, in v2: a line is `MAJOR:MINOR KEY=N KEY=N…`.
fn count_of_v2(files: &Files, key: &str) -> Result<Option<u64>> {
    let Some(text) = files.read("io.stat")? else { return Ok(None) };
    let numbers = text.split_whitespace().filter_map(|word| word.split_once('='));
    let of_this = numbers.filter(|(name, _)| *name == key);
    Ok(Some(of_this.filter_map(|(_, number)| number.parse::<u64>().ok()).sum()))
}

#[cfg(test)]
mod tests;
