//! `/dev`.

use std::fs;

use anyhow::Result;
use conformance::{Rootfs, Sandbox, expect};
use serde_json::json;

use crate::{BOTH, has, kernel::has_all, lines, mount, mount_on, step03_by_an_ordinary_user};

pub fn dev_holds_what_it_should_and_no_more(sandbox: &Sandbox) -> Result<()> {
    let devices = [
        ("null", "1:3"),
        ("zero", "1:5"),
        ("full", "1:7"),
        ("random", "1:8"),
        ("urandom", "1:9"),
        ("tty", "5:0"),
    ];
    let links = [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ];
    for runtime in BOTH {
        let report = runtime(sandbox).rootfs(&Rootfs::new()?).report()?;
        let mut dev = report["dev"].clone();
        for (name, number) in devices {
            let seen = &dev[name];
            let seen = [&seen["type"], &seen["rdev"], &seen["mode"]];
            let what = format!("the device {name}: its kind, number or mode");
            expect::equal(&what, &seen, ["char", number, "0666"], "mknod(2)")?;
        }
        for (name, target) in links {
            expect::equal(name, &dev[name]["target"], target, "symlink(2)")?;
        }
        let known = devices.iter().chain(&links).map(|(name, _)| *name);
        for name in known.chain(["core", "pts", "shm", "mqueue"]) {
            dev.as_object_mut().map(|dev| dev.remove(name));
        }
        expect::equal("what else is in /dev", &dev, json!({}), "mknod(2)")?;
        has_all("/dev", mount_on(&report, "/dev")?, &["nosuid", "mode=755", "size=65536k"])?;
    }
    Ok(())
}

pub fn devices_do_what_they_are_for(sandbox: &Sandbox) -> Result<()> {
    for runtime in BOTH {
        let rootfs = Rootfs::new()?;
        let words = [
            "seq",
            "write",
            "/dev/null",
            "x",
            "--",
            "head",
            "/dev/null",
            "9",
            "--",
            "head",
            "/dev/zero",
            "3",
            "--",
            "head",
            "/dev/full",
            "2",
            "--",
            "head",
            "/dev/random",
            "32",
            "--",
            "head",
            "/dev/urandom",
            "32",
            "--",
            "head",
            "/dev/urandom",
            "32",
        ];
        let seen = lines(&runtime(sandbox).rootfs(&rootfs).probe(words).output()?)?;
        expect::equal("/dev/null", &seen[0], json!([]), "null(4)")?;
        expect::equal("/dev/zero", &seen[1], json!([0, 0, 0]), "null(4)")?;
        expect::equal("/dev/full", &seen[2], json!([0, 0]), "full(4)")?;
        expect::differs("what is random", &seen[3], &seen[4], "random(4)")?;
        expect::differs("what is random", &seen[4], &seen[5], "random(4)")?;
        let fill = ["write", "/dev/full", "x"];
        let full = runtime(sandbox).rootfs(&rootfs).probe(fill).output()?.error_line(1)?;
        expect::contains("a write to /dev/full", &full, "ENOSPC", "full(4)")?;
        let tries = ["open-write=/dev/tty", "open-write=/dev/stdout"];
        let seen = runtime(sandbox).rootfs(&rootfs).probe(["try"].iter().chain(&tries)).output()?;
        let seen = seen.json()?;
        expect::equal("/dev/tty without a terminal", &seen[tries[0]], "ENXIO", "tty(4)")?;
        expect::equal("/dev/stdout", &seen[tries[1]], "ok", "proc(5)")?;
    }
    Ok(())
}

pub fn terminals_are_its_own(sandbox: &Sandbox) -> Result<()> {
    for runtime in BOTH {
        let words =
            ["seq", "pty", "--", "ls", "/dev/pts", "--", "report", "mounts", "gid_map", "fds"];
        let seen = lines(&runtime(sandbox).rootfs(&Rootfs::new()?).probe(words).output()?)?;
        let (pty, names, report) = (&seen[0], &seen[1], &seen[2]);
        expect::equal("the number of the first terminal", &pty["number"], 0, "pts(4)")?;
        expect::equal("its mode", &pty["stat"]["mode"], "0620", "pts(4)")?;
        expect::equal("all terminals", names, json!(["ptmx"]), "pts(4)")?;
        let mount = mount_on(report, "/dev/pts")?;
        expect::equal("what is mounted on /dev/pts", &mount["type"], "devpts", "pts(4)")?;
        has_all("/dev/pts", mount, &["nosuid", "noexec", "ptmxmode=666", "mode=620"])?;
        // Group 5 owns terminals, where there is a group 5.
        let mapped = report["gid_map"][0][2].as_u64().is_some_and(|count| count > 5);
        expect::equal("gid=5", &has(mount, "gid=5"), mapped, "user_namespaces(7)")?;
    }
    Ok(())
}

pub fn shared_memory_and_queues_are_its_own(sandbox: &Sandbox) -> Result<()> {
    for runtime in BOTH {
        let words = [
            "seq",
            "write",
            "/dev/shm/step03-mark",
            "x",
            "--",
            "mq-make",
            "/step03-mark",
            "--",
            "ls",
            "/dev/shm",
            "--",
            "ls",
            "/dev/mqueue",
            "--",
            "report",
            "mounts",
            "stat:/dev/shm",
            "stat:/dev/mqueue",
        ];
        let seen = lines(&runtime(sandbox).rootfs(&Rootfs::new()?).probe(words).output()?)?;
        expect::equal("what is in /dev/shm", &seen[0], json!(["step03-mark"]), "shm_overview(7)")?;
        expect::equal(
            "what is in /dev/mqueue",
            &seen[1],
            json!(["step03-mark"]),
            "mq_overview(7)",
        )?;
        let report = &seen[2];
        expect::equal("the mode of /dev/shm", &report["stat:/dev/shm"]["mode"], "1777", "")?;
        let (shm, mqueue) = (mount_on(report, "/dev/shm")?, mount_on(report, "/dev/mqueue")?);
        has_all("/dev/shm", shm, &["nosuid", "nodev", "noexec", "size=65536k"])?;
        expect::equal("what is mounted there", &mqueue["type"], "mqueue", "mq_overview(7)")?;
        has_all("/dev/mqueue", mqueue, &["nosuid", "nodev", "noexec"])?;
        let outside = sandbox.probe(["report", "stat:/dev/shm/step03-mark"]).output()?.json()?;
        expect::equal("outside", &outside["stat:/dev/shm/step03-mark"], "ENOENT", "")?;
    }
    Ok(())
}

/// Whatever lies at the host's `/dev/null`, paths are hidden under the real one (CVE-2025-31133).
pub fn a_forged_null_device_is_refused(sandbox: &Sandbox) -> Result<()> {
    let forged = sandbox.dir().join("forged");
    fs::write(&forged, "not empty")?;
    let forged = forged.display().to_string();
    mount(sandbox, "mount", &["--bind", &forged, "/dev/null"])?;
    let runs = BOTH.map(|runtime| runtime(sandbox).probe(["exit", "0"]).output());
    mount(sandbox, "umount", &["--lazy", "/dev/null"])?; // this very program has it open
    for outcome in runs {
        let line = outcome?.error_line(125)?;
        let told = "the host's /dev/null is not the character device 1:3";
        expect::contains("the error", &line, told, "null(4)")?;
    }
    // And in order again:
    step03_by_an_ordinary_user(sandbox).probe(["exit", "0"]).output()?.success()?;
    Ok(())
}
