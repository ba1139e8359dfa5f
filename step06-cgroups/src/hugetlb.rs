//! The hugetlb controller: how much a group may have of the machine's huge pages.
//!
//! | for each size, `2MB` and so on | v1 | v2 |
//! | --- | --- | --- |
//! | limit of what is in use | `hugetlb.2MB.limit_in_bytes` | `hugetlb.2MB.max` |
//! | limit of what is promised | `hugetlb.2MB.rsvd.limit_in_bytes` | `hugetlb.2MB.rsvd.max` |
//! | now, and at most so far | `hugetlb.2MB.usage_in_bytes`, `….max_usage_in_bytes` | `hugetlb.2MB.current` |
//! | times refused | `hugetlb.2MB.failcnt` (in use), `hugetlb.2MB.rsvd.failcnt` | `max` in `hugetlb.2MB.events` |
//!
//! The pages of hugetlbfs and of MAP_HUGETLB come from a stock that root lays in
//! (`/proc/sys/vm/nr_hugepages`); the memory controller does not count them. A mapping is promised
//! its pages by mmap(2) and gets them one by one, as it touches them. Beyond a limit of promises
//! mmap fails, which a program can handle. Beyond a limit of use the program dies of SIGBUS: that is
//! for mappings without a promise (MAP_NORESERVE), and for kernels before 5.7, which know no other.
//! See the kernel's admin-guide/cgroup-v1/hugetlb and admin-guide/cgroup-v2 ("HugeTLB").

use std::{collections::BTreeSet, fs, str::FromStr};

use crate::{
    Controller, Files, Setting, Usage, Value, Version, limits::flag, size::size, stats::bytes,
};
use anyhow::{Context, Error, Result, bail, ensure};

/// The controller, and the limits that were asked for.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub struct HugeTlb {
    /// The most memory in huge pages of one size, as in 2m=64m; may be given more than once
    #[arg(
        id = "hugetlb",
        long = "hugetlb",
        value_name = "SIZE=LIMIT",
        value_parser = flag("--hugetlb", HugePages::from_str),
        allow_hyphen_values = true
    )]
    pub limits: Vec<HugePages>,
}

/// A limit for pages of one size, both in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HugePages {
    /// Of one page.
    pub size: u64,
    /// Of all of them together.
    pub limit: u64,
}

impl FromStr for HugePages {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let expected = "expected the size of a page, = and a limit, as in 2m=64m";
        let (page, limit) = text.split_once('=').context(expected)?;
        let pages = Self { size: size(page)?, limit: size(limit)? };
        ensure!(pages.size.is_power_of_two(), "expected a power of two as the size of a page");
        // The kernel would take the next lower.
        ensure!(
            pages.limit.is_multiple_of(pages.size),
            "expected the bytes of a whole number of pages"
        );
        Ok(pages)
    }
}

impl Controller for HugeTlb {
    fn name(&self) -> &'static str {
        "hugetlb"
    }

    /// Few programs use huge pages: nobody's group in v2 is given the controller unasked.
    fn listed(&self) -> bool {
        self.asked().is_some()
    }

    fn asked(&self) -> Option<&'static str> {
        (!self.limits.is_empty()).then_some("--hugetlb")
    }

    fn settings(&self, files: &Files) -> Result<Vec<Setting>> {
        let mut settings = Vec::new();
        for &HugePages { size, limit } in &self.limits {
            let name = size_name(size);
            let known = sizes(files)?;
            if !known.contains(&name) {
                let known: Vec<_> = known.into_iter().collect();
                bail!(
                    "--hugetlb: this machine has no huge pages of {} (it has {})",
                    bytes(size),
                    known.join(", ")
                );
            }
            let setting = |file| Setting::new("--hugetlb", file, limit);
            settings.push(setting(format!("hugetlb.{name}.{}", limit_of(files))));
            let promised = format!("hugetlb.{name}.rsvd.{}", limit_of(files));
            settings.extend(files.has(&promised).then(|| setting(promised)));
        }
        Ok(settings)
    }

    /// Of the sizes that are limited or were used.
    fn usage(&self, files: &Files) -> Result<Vec<Usage>> {
        let mut all = Vec::new();
        for name in sizes(files)? {
            let number = |file: &str| files.number(&format!("hugetlb.{name}.{file}"));
            let (now, peak) = match files.version {
                Version::V1 => (number("usage_in_bytes")?, number("max_usage_in_bytes")?),
                Version::V2 => (number("current")?, None),
            };
            let limit = limit(files, &name)?;
            let refused = refused(files, &name)?;
            if limit.is_none() && now.max(peak).unwrap_or(0) == 0 && refused == 0 {
                continue;
            }
            let row = |what: String, number: Option<u64>| {
                let usage = Usage::of(what, Value::Bytes(number?));
                Some(usage.limited(limit.map(Value::Bytes)))
            };
            all.extend(row(name.clone(), now));
            all.extend(row(format!("{name}-peak"), peak));
            all.push(Usage::of(format!("{name}-refused"), Value::Count(refused)));
        }
        Ok(all)
    }
}

/// How the kernel calls a size in the names of its files.
fn size_name(size: u64) -> String {
    match size {
        size if size >= 1 << 30 => format!("{}GB", size >> 30),
        size if size >= 1 << 20 => format!("{}MB", size >> 20),
        size => format!("{}KB", size >> 10),
    }
}

/// The end of the name of a file with a limit.
fn limit_of(files: &Files) -> &'static str {
    match files.version {
        Version::V1 => "limit_in_bytes",
        Version::V2 => "max",
    }
}

/// The sizes that the machine has, by the files of the group.
fn sizes(files: &Files) -> Result<BTreeSet<String>> {
    let dir = &files.dir;
    let entries = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let end = format!(".{}", limit_of(files));
    let size = |name: String| {
        let size = name.strip_prefix("hugetlb.")?.strip_suffix(&end)?.to_string();
        (!size.contains('.')).then_some(size)
    };
    Ok(names.filter_map(size).collect())
}

/// The limit as the kernel has it. v1 says "none" by the highest number below 2^63 that is so many
/// pages.
fn limit(files: &Files, name: &str) -> Result<Option<u64>> {
    const MOST: u64 = i64::MAX.cast_unsigned() - (1 << 40);
    let limit = files.number(&format!("hugetlb.{name}.{}", limit_of(files)))?;
    Ok(limit.filter(|limit| *limit < MOST))
}

/// How many times the group was not given pages.
fn refused(files: &Files, name: &str) -> Result<u64> {
    let number = |file: &str| files.number(&format!("hugetlb.{name}.{file}"));
    Ok(match files.version {
        Version::V1 => number("failcnt")?.unwrap_or(0) + number("rsvd.failcnt")?.unwrap_or(0),
        Version::V2 => files.keyed(&format!("hugetlb.{name}.events"), "max")?.unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use step05::Explain;

    use super::*;
    use crate::{
        Version::{V1, V2},
        files::fake::Fake,
    };

    #[rstest]
    #[case("2m=64m", 2 << 20, 64 << 20)]
    #[case("2M=0", 2 << 20, 0)]
    #[case("64k=128k", 64 << 10, 128 << 10)]
    #[case("1g=1t", 1 << 30, 1 << 40)]
    #[case("2097152=4194304", 2 << 20, 4 << 20)]
    fn pages(#[case] text: &str, #[case] size: u64, #[case] limit: u64) {
        assert_eq!(text.parse::<HugePages>().expect(text), HugePages { size, limit });
    }

    #[rstest]
    fn no_pages(
        #[values(
            "", "=", "2m", "2m=", "=2m", "2m=3m", "2m=-2m", "0=0", "3m=6m", "2MB=64MB", "2m:64m",
            "2m=64m=1", "2m=max"
        )]
        text: &str,
    ) {
        let error = text.parse::<HugePages>().expect_err(text).to_string();
        assert!(error.starts_with("expected "), "{error}");
    }

    fn limited(text: &str) -> HugeTlb {
        HugeTlb { limits: vec![text.parse().expect(text)] }
    }

    /// The files are those that the kernel has; `-` marks one that is not written to.
    #[rstest]
    #[case(V1, &[("hugetlb.1GB.limit_in_bytes", "-"), ("hugetlb.2MB.limit_in_bytes", "4194304"), ("hugetlb.2MB.rsvd.limit_in_bytes", "4194304")])]
    #[case(V1, &[("hugetlb.2MB.limit_in_bytes", "4194304")])]
    #[case(V2, &[("hugetlb.1GB.max", "-"), ("hugetlb.2MB.max", "4194304"), ("hugetlb.2MB.rsvd.max", "4194304")])]
    fn limits(#[case] version: Version, #[case] expected: &[(&str, &str)]) {
        let blank: Vec<_> = expected.iter().map(|(file, _)| (*file, "-")).collect();
        let fake = Fake::new(version, &blank);
        limited("2m=4m").limit(&Explain::new(false), &fake.0).expect("writing the limit");
        let owned = |(file, text): &(&str, &str)| (file.to_string(), text.to_string());
        assert_eq!(fake.contents(), expected.iter().map(owned).collect::<Vec<_>>());
    }

    #[test]
    fn a_size_that_the_machine_lacks_is_told_with_those_that_it_has() {
        let fake = Fake::new(V2, &[("hugetlb.2MB.max", "max"), ("hugetlb.1GB.max", "max")]);
        let error = limited("64k=64k").limit(&Explain::new(false), &fake.0).expect_err("no such");
        assert_eq!(
            error.to_string(),
            "--hugetlb: this machine has no huge pages of 64 KiB (it has 1GB, 2MB)"
        );
    }

    #[rstest]
    #[case(
        V1,
        &[
            ("hugetlb.2MB.limit_in_bytes", "4194304\n"),
            ("hugetlb.2MB.usage_in_bytes", "0\n"),
            ("hugetlb.2MB.max_usage_in_bytes", "2097152\n"),
            ("hugetlb.2MB.failcnt", "1\n"),
            ("hugetlb.2MB.rsvd.failcnt", "2\n"),
        ],
        "2MB=0 B/4 MiB 2MB-peak=2 MiB/4 MiB 2MB-refused=3/-"
    )]
    #[case(
        V1,
        &[
            ("hugetlb.1GB.limit_in_bytes", "9223372035781033984\n"),
            ("hugetlb.1GB.usage_in_bytes", "0\n"),
            ("hugetlb.1GB.max_usage_in_bytes", "0\n"),
            ("hugetlb.2MB.limit_in_bytes", "9223372036852678656\n"),
            ("hugetlb.2MB.usage_in_bytes", "2097152\n"),
        ],
        "2MB=2 MiB/- 2MB-refused=0/-"
    )]
    #[case(
        V2,
        &[
            ("hugetlb.2MB.max", "4194304\n"),
            ("hugetlb.2MB.rsvd.max", "4194304\n"),
            ("hugetlb.2MB.current", "2097152\n"),
            ("hugetlb.2MB.events", "max 5\n"),
            ("hugetlb.1GB.max", "max\n"),
            ("hugetlb.1GB.current", "0\n"),
        ],
        "2MB=2 MiB/4 MiB 2MB-refused=5/-"
    )]
    #[case(V2, &[("pids.max", "max\n")], "")]
    fn usage(#[case] version: Version, #[case] files: &[(&str, &str)], #[case] expected: &str) {
        let usage = HugeTlb::default().usage(&Fake::new(version, files).0).expect("reading");
        let text = |Usage { what, value, limit }: &Usage| {
            let limit = limit.map_or("-".into(), |limit| limit.to_string());
            format!("{what}={value}/{limit}")
        };
        assert_eq!(usage.iter().map(text).collect::<Vec<_>>().join(" "), expected);
    }
}
