//! The pool: how full it may be, what it is made of.

use std::fs::File;

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect};
use final_runtime::storage::{
    Access, Driver,
    devicemapper::{control::Control, loop_device::Loop},
};

use crate::scene::{
    THIN, dir, driver, driver_with, holds, info, key, layer, mount, mounted, noise, open, read,
    refusal, silent, snapshot,
};

pub fn a_pool_is_refused_before_it_is_full(sandbox: &Sandbox) -> Result<()> {
    let driver = driver_with(sandbox, &["dm.loopdatasize=32m", "dm.min_free_space=30%"])?;
    layer(&driver, "a", None, ("file", b"a"))?;
    snapshot(&driver, "b", Some("a"), ("large", &noise(22 << 20)))?;
    for refused in [
        driver.prepare(&key("c"), Some(&key("a"))),
        driver.root(&[key("b")], Access::Write).map(drop),
    ] {
        let error = refusal(refused)?;
        ensure!(error.starts_with("the pool has "), "{error}");
        ensure!(
            error.contains("left, less than 30 % (dm.loopdatasize makes it larger)"),
            "{error}"
        );
    }
    // What is there can be seen and removed, and then all is as before.
    holds(&driver, "a", "file", Some("a"))?;
    driver.remove(&key("b"))?;
    driver.prepare(&key("c"), Some(&key("a")))?;
    expect::equal("snapshots", &driver.keys()?, vec![key("a"), key("c")], THIN)
}

pub fn a_full_pool_refuses_writes_and_not_removal(sandbox: &Sandbox) -> Result<()> {
    let driver = driver_with(sandbox, &["dm.loopdatasize=16m"])?;
    layer(&driver, "a", None, ("file", b"a"))?;
    let error = refusal(snapshot(&driver, "b", Some("a"), ("large", &noise(24 << 20))))?;
    ensure!(error.contains("writing ") && error.contains("large of b"), "{error}");
    driver.remove(&key("b"))?;
    holds(&driver, "a", "file", Some("a"))?;
    snapshot(&driver, "c", Some("a"), ("file", b"c"))
}

pub fn a_larger_file_makes_a_larger_pool(sandbox: &Sandbox) -> Result<()> {
    let small = driver_with(sandbox, &["dm.loopdatasize=32m"])?;
    layer(&small, "a", None, ("file", b"a"))?;
    let root = mount(&small, "a", Access::Read)?; // while it is in use
    let large = driver_with(sandbox, &["dm.loopdatasize=96m", "dm.loopmetadatasize=12m"])?;
    expect::equal("the pool's data", &info(&large, "data in all")?, "96 MiB", THIN)?;
    expect::equal("its metadata", &info(&large, "metadata in all")?, "12 MiB", THIN)?;
    snapshot(&large, "b", Some("a"), ("large", &noise(48 << 20)))?;
    mounted(&root, "file", "a")?;
    drop((root, small, large));

    let asked = ["dm.loopdatasize=64m", "dm.loopmetadatasize=12m"];
    let error = refusal(driver_with(sandbox, &asked)?.info())?;
    ensure!(error.contains("/data has 96 MiB, and cannot shrink to 64 MiB"), "{error}");
    let large = open(&dir(sandbox), &["dm.loopdatasize=96m", "dm.loopmetadatasize=12m"])?;
    let found = read(&large, "b", "large")?.context("it is gone")?;
    ensure!(found == noise(48 << 20), "what was written to the larger pool has changed");
    Ok(())
}

pub fn devices_of_the_host_make_a_pool(sandbox: &Sandbox) -> Result<()> {
    let [data, metadata] = devices(sandbox)?;
    let options = [
        format!("dm.datadev={}", data.path().display()),
        format!("dm.metadatadev={}", metadata.path().display()),
    ];
    let options = [options[0].as_str(), &options[1]];
    for content in [None, Some(&b"a"[..])] {
        let driver = driver_with(sandbox, &options)?;
        if content.is_none() {
            layer(&driver, "a", None, ("file", b"a"))?;
        }
        holds(&driver, "a", "file", Some("a"))?;
        ensure!(
            !dir(sandbox).join("data").exists(),
            "there is a file, and nobody has asked for it"
        );
    }
    // They are the first store's now.
    let error = refusal(open(&sandbox.dir().join("second"), &options)?.info())?;
    ensure!(error.contains("is not empty: a new pool would overwrite"), "{error}");
    Ok(())
}

pub fn a_pool_that_is_there_is_used(sandbox: &Sandbox) -> Result<()> {
    // Another store's pool, which stays as long as that is open, is somebody else's for this one.
    let theirs =
        open(&sandbox.dir().join("theirs"), &["dm.loopdatasize=64m", "dm.loopmetadatasize=8m"])?;
    let pool = info(&theirs, "pool")?;
    let option = format!("dm.thinpooldev=/dev/mapper/{pool}");
    let ours = driver_with(sandbox, &[&option])?;
    layer(&ours, "a", None, ("file", b"a"))?;
    expect::equal("the name of the pool", &info(&ours, "pool")?, pool.clone(), THIN)?;
    drop(ours);
    holds(&driver_with(sandbox, &[&option])?, "a", "file", Some("a"))?;

    // Whoever has made it notices, and so does a third.
    let error = refusal(theirs.info())?;
    ensure!(error.contains("somebody else has changed the pool"), "{error}");
    let third = open(&sandbox.dir().join("third"), &[&option])?;
    let error = refusal(third.info())?;
    ensure!(
        error.contains("has been used by somebody else: only a new pool can be taken"),
        "{error}"
    );
    drop(theirs);

    Control::open(silent())?.remove(&pool)?;
    let error = refusal(driver_with(sandbox, &[&option])?.info())?;
    ensure!(error.contains(&format!("there is no device {pool} (is it active?)")), "{error}");
    Ok(())
}

pub fn what_a_store_began_with_it_keeps(sandbox: &Sandbox) -> Result<()> {
    layer(&driver(sandbox)?, "a", None, ("file", b"a"))?;
    for (option, expected) in [
        ("dm.blocksize=128k", "this store was made with dm.blocksize 64 KiB, not 128 KiB"),
        ("dm.basesize=512m", "this store was made with dm.basesize 256 MiB, not 512 MiB"),
        ("dm.fs=xfs", "this store was made with dm.fs ext4, not xfs"),
        ("dm.thinpooldev=other", "this store was made with another pool than other"),
    ] {
        let error = refusal(driver_with(sandbox, &[option])?.prepare(&key("b"), Some(&key("a"))))?;
        expect::equal(option, &error, expected, "")?;
    }
    Ok(())
}

/// Two loop devices that are somebody else's.
pub fn devices(sandbox: &Sandbox) -> Result<[Loop; 2]> {
    let device = |name: &str, size: u64| -> Result<Loop> {
        let path = sandbox.dir().join(name);
        File::create_new(&path)?.set_len(size)?;
        Loop::attach(&path, &silent())
    };
    Ok([device("disk", 64 << 20)?, device("small-disk", 8 << 20)?])
}
