//! How long devices are there.

use std::{
    fs,
    io::Write,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use conformance::{Sandbox, expect};
use final_runtime::storage::{Access, Driver, devicemapper::loop_device::Loop};

use crate::scene::{
    devices, dir, driver, file, holds, key, layer, mount, mounted, read, refusal, write,
};

const READ_ON: &str = "DM_DEFERRED_REMOVE in linux/dm-ioctl.h";

/// As after a restart of the machine: no device is there, and all of it comes back.
pub fn nothing_is_active_that_nobody_uses(sandbox: &Sandbox) -> Result<()> {
    let first = driver(sandbox)?;
    layer(&first, "a", None, ("file", b"a"))?;
    expect::equal("devices in between", &devices(sandbox)?, vec!["pool".to_string()], READ_ON)?;
    drop(first);
    expect::equal("what is left", &left(sandbox)?, Vec::<String>::new(), READ_ON)?;
    let second = driver(sandbox)?;
    holds(&second, "a", "file", Some("a"))?;
    write(&second, "a", ("file", b"b"))
}

pub fn what_is_mounted_stays_until_it_is_not(sandbox: &Sandbox) -> Result<()> {
    let first = driver(sandbox)?;
    first.prepare(&key("a"), None)?;
    let root = mount(&first, "a", Access::Write)?;
    first.put(&key("a"))?;
    drop(first);
    let there = devices(sandbox)?;
    ensure!(there.len() == 2, "expected the pool and one device, not {there:?}");
    fs::File::create(file(&root, "file"))?.write_all(b"a")?;

    // Another process sees it, and has it too.
    let second = driver(sandbox)?;
    let view = mount(&second, "a", Access::Read)?;
    mounted(&view, "file", "a")?;
    drop(root);
    second.put(&key("a"))?;
    drop(second);
    ensure!(file(&view, "file").exists(), "it is gone, and was mounted twice");
    drop(view);
    gone(sandbox)
}

pub fn what_is_mounted_cannot_be_removed(sandbox: &Sandbox) -> Result<()> {
    let driver = driver(sandbox)?;
    driver.prepare(&key("a"), None)?;
    let root = mount(&driver, "a", Access::Write)?;
    fs::File::create(file(&root, "file"))?.write_all(b"a")?;
    for refused in [driver.remove(&key("a")), driver.seal(&key("a"))] {
        let error = refusal(refused)?;
        ensure!(error.contains("it is mounted, or in use: removing layers-"), "{error}");
        ensure!(error.ends_with("EBUSY: Device or resource busy"), "{error}");
    }
    mounted(&root, "file", "a")?;
    drop(root);
    driver.remove(&key("a"))
}

pub fn a_snapshot_of_one_that_is_written_to_is_whole(sandbox: &Sandbox) -> Result<()> {
    let driver = driver(sandbox)?;
    driver.prepare(&key("a"), None)?;
    let root = mount(&driver, "a", Access::Write)?;
    fs::File::create(file(&root, "file"))?.write_all(b"not synced")?;
    driver.prepare(&key("b"), Some(&key("a")))?;
    fs::write(file(&root, "later"), b"")?; // it goes on
    holds(&driver, "b", "file", Some("not synced"))?;
    let later = read(&driver, "b", "later")?;
    expect::equal("what came later", &later, None, READ_ON)
}

/// The devices that there are for this pool.
fn left(sandbox: &Sandbox) -> Result<Vec<String>> {
    let mut left = devices(sandbox)?;
    for name in ["data", "metadata"] {
        left.extend(
            Loop::of(&dir(sandbox).join(name))?.map(|_| format!("a loop device of {name}")),
        );
    }
    Ok(left)
}

/// The kernel removes them a moment after the last mount.
fn gone(sandbox: &Sandbox) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !left(sandbox)?.is_empty() && Instant::now() < deadline {
        sleep(Duration::from_millis(10));
    }
    expect::equal("what is left", &left(sandbox)?, Vec::<String>::new(), READ_ON)
}
