//! The hugetlb controller.

use std::{fs, io::ErrorKind};

use anyhow::{Context, Result, ensure};
use conformance::{
    Need::{CgroupV1, CgroupV2},
    Outcome, Sandbox,
    checkpoint::Test,
    expect,
};
use insta::assert_snapshot;
use nix::{
    fcntl::{Flock, FlockArg},
    sys::signal::Signal,
};

use super::{
    scene::{STEP06, step06},
    stats::stat,
};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        huge_pages_of_v1: [Root, CgroupV1("hugetlb"), Other(no_huge_pages)],
        huge_pages_of_v2: [Root, CgroupV2("hugetlb"), Other(no_huge_pages)],
        sizes_that_the_machine_lacks_are_told: [Root, Other(no_hugetlb)],
        huge_pages_that_are_none_are_refused,
    }
}

/// Neither dialect has the controller here.
fn no_hugetlb() -> Option<String> {
    CgroupV1("hugetlb").missing().and_then(|_| CgroupV2("hugetlb").missing())
}

/// The machine has none to give.
fn no_huge_pages() -> Option<String> {
    let given = || {
        let _stock = Stock::lay_in()?;
        let sandbox = Sandbox::new()?;
        sandbox.probe(["eat-huge", "8"]).output()?.success().map(drop)
    };
    given().err().map(|error| format!("needs huge pages of 2 MiB: {error:#}"))
}

/// More huge pages, which the kernel makes when they are asked for; what was allowed before is
/// restored in the end. One at a time has it, on the whole machine.
struct Stock {
    before: String,
    _lock: Flock<fs::File>,
}

const STOCK: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages";

impl Stock {
    fn lay_in() -> Result<Self> {
        let file = fs::File::open(STOCK).context(STOCK)?;
        let lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno)?;
        let stock = Self { before: fs::read_to_string(STOCK)?, _lock: lock };
        fs::write(STOCK, "16").context(STOCK)?;
        Ok(stock)
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        let _ = fs::write(STOCK, self.before.trim());
    }
}

fn huge_pages_of_v1(sandbox: &Sandbox) -> Result<()> {
    huge_pages(sandbox)
}

fn huge_pages_of_v2(sandbox: &Sandbox) -> Result<()> {
    huge_pages(sandbox)
}

/// See mmap(2).
const MAP_NORESERVE: &str = "0x4000";

fn huge_pages(sandbox: &Sandbox) -> Result<()> {
    let _stock = Stock::lay_in()?;
    let eat = |limit: &[&str], args: &[&str]| -> Result<Outcome> {
        let run = step06(sandbox).args(limit).arg("--stats");
        run.probe([&["eat-huge"], args].concat()).output()
    };
    let limit = ["--hugetlb", "2m=4m"];
    let within = eat(&limit, &["4"])?;
    expect::equal("within the limit", &within.success()?.stdout().as_str(), "ate 4\n", "")?;
    expect::equal("what was refused", &stat(&within, "hugetlb", "2MB-refused")?.as_str(), "0", "")?;
    expect::contains("the limit", &within.stderr(), "  4 MiB\n", "cgroups(7)")?;

    // What is promised to a mapping.
    let beyond = eat(&limit, &["6"])?;
    beyond.code(1)?;
    expect::contains("what it says", &beyond.stderr(), "probe: mmap: ENOMEM\n", "mmap(2)")?;
    let refused: u32 = stat(&beyond, "hugetlb", "2MB-refused")?.parse()?;
    ensure!(refused > 0, "nothing was refused");

    // What is in use.
    eat(&limit, &["4", MAP_NORESERVE])?.success()?;
    let beyond = eat(&limit, &["6", MAP_NORESERVE])?;
    beyond.code(128 + Signal::SIGBUS as i32)?;
    let refused: u32 = stat(&beyond, "hugetlb", "2MB-refused")?.parse()?;
    ensure!(refused > 0, "nothing was refused");

    // Without a limit the pages are there.
    eat(&[], &["6"])?.success()?;
    eat(&["--hugetlb", "2m=0"], &["2"])?.code(1)?;
    Ok(())
}

fn sizes_that_the_machine_lacks_are_told(sandbox: &Sandbox) -> Result<()> {
    let run = step06(sandbox).args(["--hugetlb", "4k=4k"]).probe(["exit", "0"]);
    let line = run.output()?.error_line(125)?;
    let (head, tail) = line.split_once("(it has ").context("what it has")?;
    assert_snapshot!(head, @"step06: cgroup: --hugetlb: this machine has no huge pages of 4 KiB");
    let sizes = tail.trim_end_matches(')').split(", ").map(|size| {
        let at = size.len() - 2;
        let unit = ["KB", "MB", "GB"].iter().position(|unit| *unit == &size[at..]);
        let unit = unit.with_context(|| format!("a unit in {size}"))?;
        Ok(size[..at].parse::<u64>()? << (10 * unit))
    });
    for size in sizes.collect::<Result<Vec<_>>>()? {
        match fs::metadata(format!("/sys/kernel/mm/hugepages/hugepages-{size}kB")) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                anyhow::bail!("the machine has no huge pages of {size} KiB")
            }
            found => found.map(drop)?,
        }
    }
    Ok(())
}

fn huge_pages_that_are_none_are_refused(sandbox: &Sandbox) -> Result<()> {
    let mut said = String::new();
    for value in ["2m", "2m=", "2m=3m", "3m=6m", "0=0", "2m=-2m"] {
        let run = sandbox.run(STEP06).args(["--hugetlb", value]).probe(["exit", "0"]);
        said += &run.output()?.error_line(125)?;
        said += "\n";
    }
    assert_snapshot!(said, @r#"
    step06: cgroup: --hugetlb "2m": expected the size of a page, = and a limit, as in 2m=64m
    step06: cgroup: --hugetlb "2m=": expected bytes, or a number with k, m, g or t as in 64m
    step06: cgroup: --hugetlb "2m=3m": expected the bytes of a whole number of pages
    step06: cgroup: --hugetlb "3m=6m": expected a power of two as the size of a page
    step06: cgroup: --hugetlb "0=0": expected a power of two as the size of a page
    step06: cgroup: --hugetlb "2m=-2m": expected bytes, or a number with k, m, g or t as in 64m
    "#);
    Ok(())
}
