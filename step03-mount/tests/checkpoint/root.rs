//! The root file system, what came of the old one, mounts on either side.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use conformance::{Rootfs, Running, Sandbox, expect};
use serde_json::json;

use crate::{BOTH, lines, mount, mount_on, step03};

pub fn the_rootfs_is_all_there_is(sandbox: &Sandbox) -> Result<()> {
    for runtime in BOTH {
        let rootfs = Rootfs::new()?;
        rootfs.file("etc/mark", "of this rootfs")?;
        let all = ["seq", "ls", "/", "--", "report", "file:/etc/mark", "cwd"];
        let seen = lines(&runtime(sandbox).rootfs(&rootfs).probe(all).output()?)?;
        let wanted =
            json!(["bin", "dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "var"]);
        expect::equal("what is in /", &seen[0], wanted, "pivot_root(2)")?;
        expect::equal("a file of the rootfs", &seen[1]["file:/etc/mark"], "of this rootfs", "")?;
        expect::equal("the working directory", &seen[1]["cwd"], "/", "pivot_root(2)")?;
    }
    Ok(())
}

pub fn the_old_root_is_gone(sandbox: &Sandbox) -> Result<()> {
    for runtime in BOTH {
        let rootfs = Rootfs::new()?;
        let secret = rootfs.outside().join("secret");
        fs::write(&secret, "of the host")?;
        let secret = secret.display();
        let ways = ["walk-up", "chroot-escape", "read-proc-1-root", "read"];
        let tries = ways.map(|way| format!("{way}={secret}"));
        let tries = ["try".to_string()].into_iter().chain(tries.clone());
        let seen = runtime(sandbox).rootfs(&rootfs).probe(tries).output()?.json()?;
        for way in ways {
            let refusal = &seen[format!("{way}={secret}")];
            let what = format!("what came of looking for a file of the host by {way}");
            expect::equal(&what, refusal, "ENOENT", "pivot_root(2), chroot(2)")?;
        }
        let report = runtime(sandbox).rootfs(&rootfs).report()?;
        let mounts = report["mounts"].as_array().context("the report has no mounts")?;
        let roots = mounts.iter().filter(|mount| mount["target"] == "/").count();
        let what = "the number of mounts on /, one of which is the old root if there are two,";
        expect::equal(what, &roots, 1, "umount(2), MNT_DETACH")?;
        let host = "the host's mounts are gone";
        expect::that(host, mounts.len() < 40, mounts, "pivot_root(2)")?;
    }
    Ok(())
}

pub fn without_a_rootfs_it_is_the_host_s_and_read_only(sandbox: &Sandbox) -> Result<()> {
    for runtime in BOTH {
        let here = sandbox.dir().join("new");
        // One on the file system of the root, one on a mount below it.
        let places = [here.to_str().context("UTF-8")?, "/run/new"];
        let tries = places.map(|place| format!("create={place}"));
        let seen = runtime(sandbox).arg("--").arg(sandbox.probe_path()).arg("try").args(&tries);
        let seen = seen.output()?.json()?;
        for what in tries {
            expect::equal(&what, &seen[&what], "EROFS", "mount_setattr(2), AT_RECURSIVE")?;
        }
        let report = runtime(sandbox).report()?;
        expect::equal(
            "the file system on /proc",
            &mount_on(&report, "/proc")?["type"],
            "proc",
            "",
        )?;
        expect::equal("the processes seen", &processes(&report), ["1"], "proc(5)")?;
    }
    Ok(())
}

pub fn processes(report: &serde_json::Value) -> Vec<String> {
    report["processes"].as_object().into_iter().flatten().map(|(pid, _)| pid.clone()).collect()
}

pub fn the_mount_namespace_is_its_own(sandbox: &Sandbox) -> Result<()> {
    let outside = sandbox.probe(["report"]).output()?.json()?;
    let inside = step03(sandbox).report()?;
    let read = "mount_namespaces(7)";
    let ns = |report: &serde_json::Value| report["namespaces"]["mnt"].clone();
    expect::differs("the mount namespace", &ns(&inside), &ns(&outside), read)
}

/// A mount that passes on what is mounted below it: the state of most systems' mounts.
struct Shared<'a> {
    sandbox: &'a Sandbox,
    dir: String,
}

impl<'a> Shared<'a> {
    fn new(sandbox: &'a Sandbox) -> Result<Self> {
        let dir = sandbox.dir().join("shared").display().to_string();
        fs::create_dir(&dir)?;
        mount(sandbox, "mount", &["-t", "tmpfs", "outer", &dir])?;
        mount(sandbox, "mount", &["--make-shared", &dir])?;
        sandbox.probe(["mkdir", &format!("{dir}/below")]).output()?.success()?;
        Ok(Self { sandbox, dir })
    }

    fn end(self) -> Result<()> {
        mount(self.sandbox, "umount", &["-R", &self.dir])?;
        Ok(fs::remove_dir(&self.dir)?)
    }
}

pub fn a_mount_outside_is_not_seen_inside(sandbox: &Sandbox) -> Result<()> {
    let shared = Shared::new(sandbox)?;
    let mut container = step03(sandbox).probe(["sleep", "20"]).spawn()?;
    expect::equal("the sign of life", &container.line()?, "ready", "")?;
    let below = format!("{}/below", shared.dir);
    mount(sandbox, "mount", &["-t", "tmpfs", "late", &below])?;
    let mounts = mounts_of_child(&container)?;
    expect::contains("the container's mounts", &mounts, &shared.dir, "")?;
    let read = "mount_namespaces(7), \"Shared subtrees\"";
    expect::that("the mount stays outside", !mounts.contains("late"), &mounts, read)?;
    let told = ["shared:", "master:", "propagate_from:"];
    let tied = told.iter().any(|word| mounts.contains(word));
    expect::that("every mount is private", !tied, &mounts, read)?;
    container.signal(nix::sys::signal::Signal::SIGKILL)?;
    container.wait()?;
    shared.end()
}

pub fn a_mount_inside_is_not_seen_outside(sandbox: &Sandbox) -> Result<()> {
    let shared = Shared::new(sandbox)?;
    let script = format!("mount -n -t tmpfs early {}/below && echo ready && sleep 20", shared.dir);
    let mut container = step03(sandbox).args(["--", "sh", "-c", &script]).spawn()?;
    expect::equal("the sign of life", &container.line()?, "ready", "")?;
    expect::contains("the mounts inside", &mounts_of_child(&container)?, "early", "")?;
    let mounts = sandbox.proc("mountinfo")?;
    let read = "mount_namespaces(7), \"Shared subtrees\"";
    expect::that("the mount stays inside", !mounts.contains("early"), &mounts, read)?;
    container.signal(nix::sys::signal::Signal::SIGKILL)?;
    container.wait()?;
    shared.end()
}

/// The mounts of a container, looked at from outside.
fn mounts_of_child(container: &Running) -> Result<String> {
    let pid = container.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let child = children.split_whitespace().next().context("the runtime has no child")?;
    Ok(fs::read_to_string(Path::new("/proc").join(child).join("mountinfo"))?)
}
