//! Containers on devices of a pool.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use conformance::{Run, Sandbox, expect};
use nix::sys::signal::Signal;

use crate::scene::THIN;

const FINAL_RUNTIME: &str = env!("CARGO_BIN_EXE_final-runtime");

/// A verb of the program, with a pool that is large enough for its own image.
fn verb<'a>(sandbox: &'a Sandbox, args: &[&str]) -> Run<'a> {
    let options = ["dm.loopdatasize=192m", "dm.loopmetadatasize=8m", "dm.basesize=512m"];
    let run = sandbox.run(FINAL_RUNTIME).arg("--root").arg(sandbox.dir().join("store"));
    let run = run.args(["--storage-driver", "devicemapper"]).limit(Duration::from_secs(60));
    options.iter().fold(run, |run, option| run.args(["--storage-opt", option])).args(args)
}

fn run<'a>(sandbox: &'a Sandbox, args: &[&str]) -> Run<'a> {
    let parent = sandbox.cgroup_parent();
    verb(sandbox, &["run", "--network", "none", "--cgroup-parent", &parent]).args(args)
}

pub fn containers_run_on_devices(sandbox: &Sandbox) -> Result<()> {
    let script = "grep ' / ' /proc/mounts; echo one > /file; cat /file";
    let first = run(sandbox, &["--rm", "--explain", "base", "sh", "-c", script]).output()?;
    first.success()?;
    let said = first.stdout();
    let expected = "/ ext4 rw";
    ensure!(
        said.contains(expected) && said.ends_with("one\n"),
        "expected {expected:?} in {said:?}"
    );
    // What is done to the pool is told, as all else is.
    let told = first.stderr();
    for act in ["losetup --find", "dmsetup create", "mkfs.ext4", "create_snap", "mount -t ext4"] {
        ensure!(told.contains(act), "nothing is told of {act:?}: {told}");
    }
    let second = run(sandbox, &["--rm", "base", "sh", "-c", "cat /file"]).output()?;
    second.code(1)?; // it was another's
    expect::equal("what is active", &active()?, Vec::<String>::new(), THIN)
}

/// It takes no time at all to clear up after it, as the kernel does that.
pub fn a_killed_runtime_leaves_no_device(sandbox: &Sandbox) -> Result<()> {
    run(sandbox, &["--rm", "base", "true"]).output()?.success()?;
    for after in [0, 20, 60, 120, 250, 500, 1500] {
        let running = run(sandbox, &["--rm", "base", "sleep", "60"]).spawn()?;
        sleep(Duration::from_millis(after));
        running.signal(Signal::SIGKILL)?;
        drop(running);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !active()?.is_empty() && Instant::now() < deadline {
            sleep(Duration::from_millis(10));
        }
        let left = active()?;
        ensure!(left.is_empty(), "killed after {after} ms, it has left {left:?}");
    }
    run(sandbox, &["--rm", "base", "true"]).output()?.success()?;
    let all = verb(sandbox, &["ps", "--all", "--quiet"]).output()?.stdout();
    expect::equal("containers that are left", &all, "", THIN)
}

pub fn options_of_the_driver_are_checked(sandbox: &Sandbox) -> Result<()> {
    let asked = |args: &[&str]| {
        let run = sandbox.run(FINAL_RUNTIME).arg("--root").arg(sandbox.dir().join("store"));
        run.args(args).args(["run", "--rm", "base", "true"]).output()?.error_line(125)
    };
    let line = asked(&["--storage-driver", "vfs", "--storage-opt", "dm.fs=xfs"])?;
    let expected = "final-runtime: storage: vfs has no options, and so not \"dm.fs=xfs\"";
    expect::equal("the refusal of an option of another driver", &line, expected, "")?;
    let line = asked(&["--storage-driver", "devicemapper", "--storage-opt", "dm.fs=ntfs"])?;
    let expected = "dm.fs=ntfs: expected ext4 or xfs";
    ensure!(line.ends_with(expected), "expected {expected:?} in {line:?}");
    Ok(())
}

/// All pools and their devices on this machine: a guest has no others.
fn active() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir("/sys/block")?.flatten() {
        let name = fs::read_to_string(entry.path().join("dm/name")).unwrap_or_default();
        names.extend(name.trim().starts_with("layers-").then(|| name.trim().to_string()));
    }
    Ok(names)
}
