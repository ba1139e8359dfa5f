//! What belongs to somebody else, and what has become of what was ours.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
    process::Command,
};

use anyhow::{Result, ensure};
use conformance::{Sandbox, expect};
use final_runtime::storage::{Driver, devicemapper::control::Control};

use crate::{
    pool,
    scene::{dir, driver, driver_with, holds, info, key, layer, open, refusal, silent},
};

pub fn files_with_something_in_them_are_not_taken(sandbox: &Sandbox) -> Result<()> {
    for name in ["data", "metadata"] {
        let dir = sandbox.dir().join(name);
        fs::create_dir(&dir)?;
        fs::write(dir.join(name), "precious")?;
        let error = refusal(open(&dir, &[])?.prepare(&key("a"), None))?;
        ensure!(
            error.contains(&format!("/{name} is not empty: a new pool would overwrite")),
            "{error}"
        );
        let found = fs::read(dir.join(name))?;
        expect::equal("what was in it", &found[..8], *b"precious", "")?;
    }
    Ok(())
}

pub fn devices_with_something_on_them_are_not_taken(sandbox: &Sandbox) -> Result<()> {
    let [data, metadata] = pool::devices(sandbox)?;
    let made = Command::new("mkfs.ext4").arg("-q").arg(data.path()).status()?;
    ensure!(made.success(), "mkfs.ext4: {made}");
    let option = |name: &str, path: &Path| format!("dm.{name}={}", path.display());
    let options = [option("datadev", data.path()), option("metadatadev", metadata.path())];
    let error =
        refusal(driver_with(sandbox, &[&options[0], &options[1]])?.prepare(&key("a"), None))?;
    let expected = format!("{} is not empty", data.path().display());
    ensure!(error.contains(&expected), "{error}");
    let checked = Command::new("e2fsck").arg("-fn").arg(data.path()).output()?;
    ensure!(checked.status.success(), "its file system is damaged: {checked:?}");
    Ok(())
}

/// Two stores that take themselves for the same would write to each other's pool.
pub fn a_copy_of_a_store_is_not_mixed_up_with_it(sandbox: &Sandbox) -> Result<()> {
    let original = driver(sandbox)?;
    layer(&original, "a", None, ("file", b"a"))?;
    let copy = sandbox.dir().join("copy");
    let copied = Command::new("cp")
        .arg("-a")
        .arg("--sparse=always")
        .arg(dir(sandbox))
        .arg(&copy)
        .status()?;
    ensure!(copied.success(), "cp: {copied}");
    let error = refusal(open(&copy, &[])?.info())?;
    ensure!(error.contains("is active on something else than"), "{error}");
    ensure!(error.contains("(is this a copy of a store that is in use?)"), "{error}");
    Ok(())
}

pub fn a_name_that_another_has_taken_is_told(sandbox: &Sandbox) -> Result<()> {
    let first = driver(sandbox)?;
    layer(&first, "a", None, ("file", b"a"))?;
    let pool = info(&first, "pool")?;
    drop(first);
    let control = Control::open(silent())?;
    control.remove(&pool)?;
    control.create(&pool, "SOMEBODY-ELSE")?;
    let error = refusal(driver(sandbox)?.info());
    let found = control.find(&pool)?;
    control.remove(&pool)?;
    let error = error?;
    let expected = format!("the name {pool} is taken by a device that is not this store's");
    ensure!(error.contains(&expected), "{error}");
    ensure!(found.is_some_and(|device| device.uuid == "SOMEBODY-ELSE"), "the other's is gone");
    Ok(())
}

pub fn a_pool_that_another_has_changed_is_told(sandbox: &Sandbox) -> Result<()> {
    let first = driver(sandbox)?;
    layer(&first, "a", None, ("file", b"a"))?;
    let pool = info(&first, "pool")?;
    let control = Control::open(silent())?;
    control.message(&pool, "create_thin 4711")?;
    control.message(&pool, "set_transaction_id 2 3")?;
    let expected = "somebody else has changed the pool: its transaction id is 3, and should be 2";
    let error = refusal(first.prepare(&key("b"), Some(&key("a"))))?;
    ensure!(error.contains(expected), "while it is active: {error}");
    drop(first);
    let error = refusal(driver(sandbox)?.info())?;
    ensure!(error.contains(expected), "before it is active: {error}");
    Ok(())
}

pub fn records_of_the_pool_that_are_gone_or_damaged_are_told(sandbox: &Sandbox) -> Result<()> {
    let first = driver(sandbox)?;
    layer(&first, "a", None, ("file", b"a"))?;
    let pool = info(&first, "pool")?;
    drop(first);
    Control::open(silent())?.remove(&pool)?;
    let metadata = dir(sandbox).join("metadata");
    let original = fs::read(&metadata)?;
    let file = OpenOptions::new().write(true).open(&metadata)?;
    for (first_block, expected) in [
        ([0; 4096], "the pool's records are gone: "),
        ([b'x'; 4096], "has something else in it than a pool's records"),
    ] {
        file.write_all_at(&first_block, 0)?;
        let error = refusal(driver(sandbox)?.info())?;
        ensure!(error.contains(expected), "expected {expected:?} in {error:?}");
        let found = fs::read(&metadata)?;
        ensure!(found[..4096] == first_block, "something was written to it");
    }
    file.write_all_at(&original, 0)?;
    holds(&driver(sandbox)?, "a", "file", Some("a"))
}
