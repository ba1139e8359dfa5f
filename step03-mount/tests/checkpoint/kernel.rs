//! `/proc` and `/sys`: what the kernel tells a container, and what it lets it steer.

use std::path::Path;

use anyhow::{Context, Result};
use conformance::{Rootfs, Sandbox, expect};
use serde_json::Value;

use crate::{BOTH, STEP03, has, mount_on, processes, step03_by_an_ordinary_user};

pub fn proc_shows_its_own_processes_alone(sandbox: &Sandbox) -> Result<()> {
    for runtime in BOTH {
        let report = runtime(sandbox).rootfs(&Rootfs::new()?).report()?;
        expect::equal("the processes seen", &processes(&report), ["1"], "proc(5)")?;
        let mount = mount_on(&report, "/proc")?;
        expect::equal("what is mounted on /proc", &mount["type"], "proc", "proc(5)")?;
        has_all("/proc", mount, &["nosuid", "nodev", "noexec"])?;
    }
    Ok(())
}

pub fn sys_cannot_be_written_to(sandbox: &Sandbox) -> Result<()> {
    let knob = "open-write=/sys/kernel/rcu_expedited";
    for runtime in BOTH {
        let rootfs = Rootfs::new()?;
        let report = runtime(sandbox).rootfs(&rootfs).report()?;
        let mount = mount_on(&report, "/sys")?;
        expect::equal("what is mounted on /sys", &mount["type"], "sysfs", "sysfs(5)")?;
        has_all("/sys", mount, &["nosuid", "nodev", "noexec"])?;
        for mount in report["mounts"].as_array().into_iter().flatten() {
            let target = mount["target"].as_str().unwrap_or_default();
            // What is hidden is hidden by mounts of other kinds.
            if target.starts_with("/sys") {
                has_all(target, mount, &["ro"])?;
            }
        }
        let seen = runtime(sandbox).rootfs(&rootfs).probe(["try", knob]).output()?.json()?;
        let refused = seen[knob] != "ok";
        expect::that("/sys cannot be written to", refused, &seen[knob], "mount_setattr(2)")?;
    }
    Ok(())
}

/// Files and directories that tell about the whole machine. Docker's list.
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

pub fn masked_paths_are_empty(sandbox: &Sandbox) -> Result<()> {
    let throttled = "/sys/devices/system/cpu/cpu0/thermal_throttle";
    let mut checked = 0;
    for path in MASKED.into_iter().chain([throttled]) {
        let stat = format!("stat:{path}");
        let outside = sandbox.probe(["report", &stat]).output()?.json()?;
        if outside[&stat] == "ENOENT" {
            continue; // not every kernel has all of them
        }
        for runtime in BOTH {
            let rootfs = Rootfs::new()?;
            let inside = runtime(sandbox).rootfs(&rootfs).probe(["report", &stat]).output()?;
            let inside = inside.json()?;
            if outside[&stat]["type"] == "directory" {
                let new = format!("create={path}/new");
                let words = ["seq", "ls", path, "--", "try", &new];
                let seen = crate::lines(&runtime(sandbox).rootfs(&rootfs).probe(words).output()?)?;
                let what = format!("what can be seen in {path}, where a cover should be,");
                expect::equal(&what, &seen[0], serde_json::json!([]), "proc(5)")?;
                let what = format!("what came of {new}, where a cover should be,");
                expect::equal(&what, &seen[1][&new], "EROFS", "proc(5)")?;
            } else {
                let what = format!("the device that {path} is hidden under");
                expect::equal(&what, &inside[&stat]["rdev"], "1:3", "null(4)")?;
            }
        }
        checked += 1;
    }
    expect::that("some of them are here", checked >= 3, &checked, "proc(5)")
}

pub fn read_only_paths_cannot_be_written_to(sandbox: &Sandbox) -> Result<()> {
    for runtime in BOTH {
        let rootfs = Rootfs::new()?;
        let report = runtime(sandbox).rootfs(&rootfs).report()?;
        for path in ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"] {
            let stat = format!("stat:{path}");
            if sandbox.probe(["report", &stat]).output()?.json()?[&stat] != "ENOENT" {
                has_all(path, mount_on(&report, path)?, &["ro", "nosuid", "nodev", "noexec"])?;
            }
        }
        let knob = "open-write=/proc/sys/kernel/domainname";
        let seen = runtime(sandbox).rootfs(&rootfs).probe(["try", knob]).output()?.json()?;
        let refused = seen[knob] != "ok";
        expect::that("/proc/sys cannot be written to", refused, &seen[knob], "mount_setattr(2)")?;
    }
    Ok(())
}

/// A container in a container, each in a user namespace of its own: the outer one hides parts of
/// `/proc`, and the kernel does not let a new one show them.
pub fn a_masked_proc_outside_is_told_of(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    let mut run = step03_by_an_ordinary_user(sandbox).rootfs(&rootfs);
    // The inner runtime, and the libraries that it needs.
    let libraries =
        ["/bin", "/lib", "/lib64", "/usr"].into_iter().filter(|dir| Path::new(dir).is_dir());
    for path in libraries.chain([STEP03]) {
        run = run.args(["--volume", &format!("{path}:{path}:ro")]);
    }
    let inner = ["--", "unshare", "--user", "--map-root-user", "--", STEP03, "--", "true"];
    let line = run.args(inner).output()?.error_line(125)?;
    let hint = "PID namespace of this user namespace";
    expect::contains("the error", &line, "step03: mount: mounting proc on /proc: EPERM", "")?;
    expect::contains("the hint", &line, hint, "user_namespaces(7)")
}

pub fn has_all(what: &str, mount: &Value, options: &[&str]) -> Result<()> {
    for option in options {
        let shown = mount["options"].as_array().context("a mount without options")?;
        expect::that(&format!("{what} is {option}"), has(mount, option), shown, "mount(8)")?;
    }
    Ok(())
}
