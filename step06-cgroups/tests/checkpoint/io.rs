//! The io controller, which v1 calls blkio.

use std::fs;

use anyhow::{Context, Result};
use conformance::{
    Disk,
    Need::{CgroupV1, CgroupV2},
    Outcome, Sandbox,
    checkpoint::Test,
    expect,
};
use insta::assert_snapshot;
use step06::{Hierarchy, Version};

use super::scene::step06;

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        io_of_v1: [Root, CgroupV1("blkio"), Path("/dev/loop-control")],
        io_of_v2: [Root, CgroupV2("io"), Path("/dev/loop-control")],
        disks_that_are_none_are_refused: [Root, Other(no_io)],
        a_partition_is_refused: [Root, Other(no_io), Path("/dev/loop-control")],
        weights_of_v1: [Root, CgroupV1("blkio"), Path("/dev/loop-control"), Other(no_weights)],
        weights_of_v2: [Root, CgroupV2("io"), Path("/dev/loop-control"), Other(no_weights)],
        weights_that_the_kernel_lacks_are_told: [Root, Other(no_io), Other(has_weights)],
    }
}

/// Neither dialect has it here.
fn no_io() -> Option<String> {
    CgroupV1("blkio").missing().and_then(|_| CgroupV2("io").missing())
}

const MIB_IN_BLOCKS: &str = "64";

fn io_of_v1(sandbox: &Sandbox) -> Result<()> {
    io(sandbox, "blkio")
}

fn io_of_v2(sandbox: &Sandbox) -> Result<()> {
    io(sandbox, "io")
}

/// A MiB is read or written, block by block, where half a MiB or half as many blocks a second are
/// allowed.
fn io(sandbox: &Sandbox, controller: &str) -> Result<()> {
    let disk = Disk::new(sandbox, 1 << 20)?;
    for (flag, rate, verb) in [
        ("--device-read-bps", "512k", "read-direct"),
        ("--device-write-bps", "512k", "write-direct"),
        ("--device-read-iops", "32", "read-direct"),
        ("--device-write-iops", "32", "write-direct"),
    ] {
        let run = |rate: &str| {
            let limit = format!("{}:{rate}", disk.path().display());
            on_disk(sandbox, &disk, &[flag, &limit, "--stats"], verb)
        };
        let (outcome, seconds) = run(rate)?;
        let what = format!("with {flag} half a MiB a second is read or written: 1 MiB in 2 s");
        eprintln!("{flag} {seconds}");
        expect::that(&what, (1.7..3.5).contains(&seconds), &seconds, "cgroups(7)")?;
        counted(&outcome, controller, verb)?;

        let (outcome, seconds) = run("max")?;
        expect::that("without a limit it is less", seconds < 1.0, &seconds, "cgroups(7)")?;
        counted(&outcome, controller, verb)?;
    }
    Ok(())
}

/// What the probe does with a MiB of the disk, and how long it takes. The container makes the
/// device itself: it has none of the host's.
fn on_disk(sandbox: &Sandbox, disk: &Disk, args: &[&str], verb: &str) -> Result<(Outcome, f64)> {
    let (major, minor) = disk.numbers()?;
    let rule = format!("b {major}:{minor} rwm");
    let probe = sandbox.probe_path().display().to_string();
    let script =
        format!("mknod /dev/disk b {major} {minor} && {probe} {verb} /dev/disk {MIB_IN_BLOCKS}");
    let run = step06(sandbox).args(["--device-cgroup-rule", &rule]).args(args);
    let outcome = run.args(["--", "sh", "-c", &script]).output()?;
    let milliseconds = outcome.json()?["milliseconds"].as_f64().context("a number")?;
    Ok((outcome, milliseconds / 1e3))
}

fn counted(outcome: &Outcome, controller: &str, verb: &str) -> Result<()> {
    let (bytes, times) =
        if verb == "read-direct" { ("read", "reads") } else { ("written", "writes") };
    let table = outcome.stderr();
    for (what, value) in [(bytes, "1 MiB"), (times, MIB_IN_BLOCKS)] {
        let line = format!("{controller:<10}  {what:<9}  {value:<9}  -");
        expect::contains("the table", &table, &line, "cgroups(7)")?;
    }
    Ok(())
}

fn disks_that_are_none_are_refused(sandbox: &Sandbox) -> Result<()> {
    let mut said = Vec::new();
    for args in [
        ["--device-read-bps", "/dev/null"],
        ["--device-write-bps", "/dev/null:fast"],
        ["--device-read-iops", "/dev/null:1k"],
        ["--blkio-weight", "5"],
        ["--blkio-weight-device", "/dev/null:2000"],
        ["--device-read-bps", "/dev/nosuch:1m"],
        ["--device-write-iops", "/dev/null:1"],
        ["--blkio-weight-device", "/proc:100"],
    ] {
        said.push(step06(sandbox).args(args).probe(["exit", "0"]).output()?.error_line(125)?);
    }
    assert_snapshot!(said.join("\n"), @r#"
    step06: cgroup: --device-read-bps "/dev/null": expected the path of a disk's device, a colon and a value
    step06: cgroup: --device-write-bps "/dev/null:fast": expected bytes, or a number with k, m, g or t as in 64m
    step06: cgroup: --device-read-iops "/dev/null:1k": expected 1 to 4294967294, or max for no limit
    step06: cgroup: --blkio-weight "5": expected 10 to 1000
    step06: cgroup: --blkio-weight-device "/dev/null:2000": expected 10 to 1000
    step06: cgroup: --device-read-bps: /dev/nosuch: No such file or directory (os error 2)
    step06: cgroup: --device-write-iops: /dev/null is no disk (no block device)
    step06: cgroup: --blkio-weight-device: /proc is no disk (no block device)
    "#);
    Ok(())
}

fn a_partition_is_refused(sandbox: &Sandbox) -> Result<()> {
    let disk = Disk::new(sandbox, 4 << 20)?;
    let limit = format!("{}:1m", disk.partition()?.display());
    let run = step06(sandbox).args(["--device-read-bps", &limit]).probe(["exit", "0"]);
    let line = run.output()?.error_line(125)?;
    let line = line.replace(&disk.path().display().to_string(), "DISK");
    assert_snapshot!(line, @"step06: cgroup: --device-read-bps: DISKp1 is a part of DISK, and the kernel holds whole disks to limits");
    Ok(())
}

/// Why there are no weights: a group of the test's own lacks the files.
fn no_weights() -> Option<String> {
    let looked = look_for_weights().unwrap_or(false);
    (!looked).then(|| "needs weights for disks: BFQ with CONFIG_BFQ_GROUP_IOSCHED".into())
}

fn has_weights() -> Option<String> {
    no_weights().is_none().then(|| "needs a kernel without weights for disks".into())
}

fn look_for_weights() -> Result<bool> {
    let io = |one: &Hierarchy| one.has("blkio") || one.version == Version::V2 && one.has("io");
    let hierarchy = Hierarchy::all()?.into_iter().find(io).context("no such controller")?;
    let top = hierarchy.top().context("no group may be made")?;
    if hierarchy.version == Version::V2 {
        fs::write(top.join("cgroup.subtree_control"), "+io")?;
    }
    let group = top.join(format!("layers-test-weights-{:?}", std::thread::current().id()));
    fs::create_dir(&group)?;
    let found = ["blkio.bfq.weight", "io.bfq.weight"].iter().any(|file| group.join(file).exists());
    fs::remove_dir(&group)?;
    Ok(found)
}

fn weights_of_v1(sandbox: &Sandbox) -> Result<()> {
    weights(sandbox, "/sys/fs/cgroup/blkio/blkio.bfq.weight_device")
}

fn weights_of_v2(sandbox: &Sandbox) -> Result<()> {
    weights(sandbox, "/sys/fs/cgroup/io.bfq.weight")
}

fn weights(sandbox: &Sandbox, file: &str) -> Result<()> {
    let disk = Disk::new(sandbox, 1 << 20)?;
    let on_disk = format!("{}:700", disk.path().display());
    let run = || {
        let run =
            step06(sandbox).args(["--blkio-weight", "300", "--blkio-weight-device", &on_disk]);
        run.args(["--", "cat", file]).output()
    };
    let (major, minor) = disk.numbers()?;
    let name = |text: String| text.replace(&format!("{major}:{minor}"), "DISK");

    let scheduler = format!("/sys/dev/block/{major}:{minor}/queue/scheduler");
    fs::write(&scheduler, "none")?;
    let line = name(run()?.error_line(125)?);
    let (hint, refusal) = line.split_once(": writing ").context("the act that was refused")?;
    assert_snapshot!(hint, @"step06: cgroup: --blkio-weight-device: the disk's scheduler takes no weights (BFQ does: echo bfq > /sys/dev/block/DISK/queue/scheduler)");
    expect::contains("the answer", refusal, "Operation not supported", "write(2)")?;
    fs::write(&scheduler, "bfq")?;
    let outcome = run()?;
    outcome.success()?;
    assert_snapshot!(name(outcome.stdout()), @"
    default 300
    DISK 700
    ");
    Ok(())
}

fn weights_that_the_kernel_lacks_are_told(sandbox: &Sandbox) -> Result<()> {
    let run = step06(sandbox).args(["--blkio-weight", "300"]).probe(["exit", "0"]);
    assert_snapshot!(run.output()?.error_line(125)?, @"step06: cgroup: --blkio-weight: this kernel does not share disks out by weight (the scheduler BFQ does, where it is built with CONFIG_BFQ_GROUP_IOSCHED and, as a module, loaded: modprobe bfq)");
    Ok(())
}
