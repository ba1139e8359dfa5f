//! Snapshots: what is in them, and what they take.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, process::Command};

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect};
use final_runtime::storage::{Access, Driver};

use crate::{
    helper,
    scene::{
        THIN, devices, dir, disk_usage, driver, driver_with, file, holds, info, key, layer, mount,
        mounted, noise, snapshot, write,
    },
};

pub fn a_snapshot_has_what_its_parent_had_and_is_its_own(sandbox: &Sandbox) -> Result<()> {
    let driver = driver(sandbox)?;
    layer(&driver, "a", None, ("file", b"a"))?;
    snapshot(&driver, "b", Some("a"), ("file", b"b"))?;
    snapshot(&driver, "c", Some("a"), ("other", b"c"))?;
    for (name, file, content) in [
        ("a", "file", Some("a")),
        ("b", "file", Some("b")),
        ("c", "file", Some("a")),
        ("c", "other", Some("c")),
        ("a", "other", None),
    ] {
        holds(&driver, name, file, content)?;
    }
    // An empty one begins with nothing in it, and not with what ext4 begins with.
    driver.prepare(&key("empty"), None)?;
    let root = mount(&driver, "empty", Access::Read)?;
    let found = fs::read_dir(file(&root, "."))?.count();
    expect::equal("files in an empty snapshot", &found, 0, "mke2fs(8)")
}

pub fn xfs_does_not_mind_that_snapshots_have_one_uuid(sandbox: &Sandbox) -> Result<()> {
    let options = ["dm.fs=xfs", "dm.basesize=320m", "dm.loopdatasize=256m"];
    let driver = driver_with(sandbox, &options)?;
    layer(&driver, "a", None, ("file", b"a"))?;
    driver.prepare(&key("b"), Some(&key("a")))?;
    let _a = mount(&driver, "a", Access::Read)?;
    let b = mount(&driver, "b", Access::Write)?;
    mounted(&b, "file", "a")
}

pub fn what_is_removed_is_free_again(sandbox: &Sandbox) -> Result<()> {
    let driver = driver(sandbox)?;
    layer(&driver, "a", None, ("file", b"a"))?;
    let used = |driver| info(driver, "data used");
    let (before, on_disk) = (used(&driver)?, disk_usage(sandbox)?);
    snapshot(&driver, "b", Some("a"), ("large", &noise(8 << 20)))?;
    let grown = disk_usage(sandbox)? - on_disk;
    ensure!(grown >= 8 << 20, "8 MiB were written, and the file has grown by {grown} bytes");
    driver.remove(&key("b"))?;
    expect::equal("what is used in the pool", &used(&driver)?, before, THIN)?;
    expect::equal("the room that the file takes", &disk_usage(sandbox)?, on_disk, "fallocate(2)")?;
    // What was shared is still there.
    holds(&driver, "a", "file", Some("a"))
}

pub fn what_is_in_a_snapshot_does_not_matter_to_making_one(sandbox: &Sandbox) -> Result<()> {
    let driver = driver(sandbox)?;
    layer(&driver, "small", None, ("file", &noise(1 << 10)))?;
    layer(&driver, "large", None, ("file", &noise(24 << 20)))?;
    let used = info(&driver, "data used")?;
    drop(driver);

    // What is done to the kernel is told line by line: as many lines for the one as for the other.
    let acts = |verb: &str, what: &str, parent: &str| -> Result<BTreeMap<String, usize>> {
        let outcome = helper::act(sandbox, &[verb, what, parent]).output()?;
        outcome.success()?;
        let mut counts = BTreeMap::new();
        for line in outcome.stderr().lines() {
            let command: Vec<_> = line.split_whitespace().skip(1).take(2).collect();
            *counts.entry(command.join(" ")).or_default() += 1;
        }
        ensure!(!counts.is_empty(), "nothing is told of what was done");
        Ok(counts)
    };
    let both = |verb: &str| -> Result<()> {
        let (small, large) = (acts(verb, "of-small", "small")?, acts(verb, "of-large", "large")?);
        expect::equal(&format!("what is done to {verb}"), &large, small, THIN)
    };
    both("prepare")?;
    let after = info(&crate::scene::driver(sandbox)?, "data used")?;
    expect::equal("data that two snapshots take", &after, used, THIN)?;
    both("remove")
}

pub fn usage_is_what_a_snapshot_has_to_itself(sandbox: &Sandbox) -> Result<()> {
    let driver = driver(sandbox)?;
    let usage = |name: &str| driver.usage(&key(name));
    let within = |name: &str, written: u64| -> Result<()> {
        let (usage, most) = (usage(name)?, written + (1 << 20)); // directories, bitmaps, the journal
        ensure!((written..most).contains(&usage), "{name} takes {usage} bytes of {written}");
        Ok(())
    };
    layer(&driver, "a", None, ("file", &noise(12 << 20)))?;
    snapshot(&driver, "b", Some("a"), ("other", &noise(4 << 20)))?;
    driver.prepare(&key("c"), Some(&key("a")))?;
    within("a", 12 << 20)?;
    within("b", 4 << 20)?;
    expect::equal("usage of one that is as its parent", &usage("c")?, 0, THIN)?;
    let used = info(&driver, "data used")?;
    driver.remove(&key("b"))?;
    driver.prepare(&key("b"), Some(&key("a")))?;
    ensure!(info(&driver, "data used")? != used, "nothing is free after the removal");
    write(&driver, "b", ("file", &noise(12 << 20)))?; // over that of its parent
    within("b", 12 << 20)?;
    within("a", 12 << 20)
}

pub fn an_older_mkfs_makes_one_too(sandbox: &Sandbox) -> Result<()> {
    let bin = sandbox.dir().join("bin");
    fs::create_dir(&bin)?;
    let script = "#!/bin/sh\ncase $* in *prezeroed*) echo 'Bad option(s)' >&2; exit 1; esac\n\
                  PATH=/usr/sbin:/sbin exec mkfs.ext4 \"$@\"\n";
    fs::write(bin.join("mkfs.ext4"), script)?;
    fs::set_permissions(bin.join("mkfs.ext4"), fs::Permissions::from_mode(0o755))?;
    helper::act(sandbox, &["prepare", "a"]).env("PATH", &bin).output()?.success()?;
    holds(&driver(sandbox)?, "a", "file", None)
}

pub fn a_name_that_is_left_over_is_taken(sandbox: &Sandbox) -> Result<()> {
    let driver = driver(sandbox)?;
    layer(&driver, "a", None, ("file", b"a"))?;
    let before = info(&driver, "data used")?;
    snapshot(&driver, "b", Some("a"), ("file", &noise(4 << 20)))?;
    driver.prepare(&key("b"), Some(&key("a")))?;
    holds(&driver, "b", "file", Some("a"))?;
    driver.remove(&key("b"))?;
    driver.remove(&key("b"))?;
    expect::equal("snapshots", &driver.keys()?, vec![key("a")], THIN)?;
    // Nor is there a device in the pool of which nobody knows.
    expect::equal("what is used in the pool", &info(&driver, "data used")?, before, THIN)
}

/// Of what an ext4 begins with, nearly all is 0, and so is a device on which nothing was written.
pub fn an_empty_file_system_takes_next_to_nothing(sandbox: &Sandbox) -> Result<()> {
    driver(sandbox)?.prepare(&key("a"), None)?;
    let taken = disk_usage(sandbox)?;
    ensure!(taken < 2 << 20, "an empty ext4 of 256 MiB takes {taken} bytes");
    Ok(())
}

/// Why mkfs.ext4 cannot be told that what it writes to is 0, if it cannot.
pub fn prezeroed() -> Option<String> {
    let said = Command::new("mkfs.ext4").arg("-V").output().ok();
    let said = said.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
    let version = said.as_deref().and_then(|said| said.split_whitespace().nth(1));
    let new = version.is_some_and(|version| {
        let mut parts = version.split('.').filter_map(|part| part.parse::<u32>().ok());
        (parts.next(), parts.next()) >= (Some(1), Some(47))
    });
    (!new).then(|| "needs mkfs.ext4 1.47".into())
}

pub fn a_missing_tool_is_told_and_leaves_nothing(sandbox: &Sandbox) -> Result<()> {
    let run = helper::act(sandbox, &["prepare", "a"]).env("PATH", "/nowhere");
    let outcome = run.output()?;
    outcome.code(1)?;
    let error = outcome.stderr();
    let line = error.lines().last().context("it says nothing")?;
    let expected = "running mkfs.ext4 (it has to be installed, in e2fsprogs or xfsprogs)";
    ensure!(line.contains(expected), "expected {expected:?} in {line:?}");
    expect::equal("devices", &devices(sandbox)?, Vec::<String>::new(), THIN)?;
    let records = fs::read_to_string(dir(sandbox).join("records.json"))?;
    ensure!(records.contains("\"devices\": {}"), "something is written down: {records}");
    Ok(())
}
