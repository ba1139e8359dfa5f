//! Processes that are killed, and several at once.

use std::{collections::BTreeSet, fs, thread::sleep, time::Duration};

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect};
use final_runtime::storage::{
    Driver,
    devicemapper::{DeviceMapper, control::Control},
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{
    helper,
    scene::{THIN, dir, driver, holds, info, key, layer, noise, read, silent},
};

const READ_ON: &str = "final-runtime/src/storage/devicemapper/change.rs";

/// Every state that a killed process can leave, made by hand.
pub fn a_change_is_finished_or_undone_wherever_it_stopped(sandbox: &Sandbox) -> Result<()> {
    let first = driver(sandbox)?;
    layer(&first, "a", None, ("file", b"a"))?;
    let pool = info(&first, "pool")?;
    let control = Control::open(silent())?;
    let say = |messages: &[&str]| messages.iter().try_for_each(|text| control.message(&pool, text));
    let thin = json!({"id": 9, "size": 256 << 20, "filesystem": "ext4", "sealed": 0});
    let create = json!({"create": {"name": "b", "thin": thin, "origin": 2}});
    let delete = json!({"delete": {"name": "b", "id": 9}});
    let names = |driver: &DeviceMapper| {
        driver.keys().map(|keys| keys.iter().map(|key| key.to_string()).collect::<Vec<_>>())
    };
    let settle = |pending: &Value, messages: &[&str], there: &[&str]| -> Result<()> {
        change_records(sandbox, |records| records["pending"] = pending.clone())?;
        say(messages)?;
        let driver = driver(sandbox)?;
        let mended = driver.mend()?;
        ensure!(mended.len() == 1, "expected one thing to be mended, not {mended:?}");
        expect::equal("snapshots", &names(&driver)?, there.to_vec(), READ_ON)?;
        ensure!(driver.mend()?.is_empty(), "it is mended twice");
        Ok(())
    };
    // Making b: after steps 1, 2 and 3. It is undone or completed.
    settle(&create, &[], &["a"])?;
    settle(&create, &["create_snap 9 2"], &["a"])?;
    say(&["create_thin 9", "delete 9"]).context("the half made device is still there")?;
    settle(&create, &["create_snap 9 2", "set_transaction_id 2 3"], &["a", "b"])?;
    holds(&first, "b", "file", Some("a"))?;
    // Removing it: it is completed from wherever it stopped.
    settle(&delete, &["delete 9", "set_transaction_id 3 4"], &["a"])?;
    settle(&create, &["create_snap 9 2", "set_transaction_id 4 5"], &["a", "b"])?;
    settle(&delete, &["delete 9"], &["a"])?;
    settle(&create, &["create_snap 9 2", "set_transaction_id 6 7"], &["a", "b"])?;
    settle(&delete, &[], &["a"])?;
    say(&["create_thin 9", "delete 9"]).context("the half removed device is still there")?;
    // The pool's records can be read though a killed process had them kept.
    say(&["reserve_metadata_snap"])?;
    first.usage(&key("a"))?;
    first.prepare(&key("open"), Some(&key("a")))?;
    first.usage(&key("open"))?;
    first.remove(&key("open"))?;
    // And whoever writes to the origin does not wait for ever.
    let root = crate::scene::mount(&first, "a", final_runtime::storage::Access::Read)?;
    let origin = format!("{}2", pool.strip_suffix("pool").context("another name")?);
    control.suspend(&origin)?;
    settle(&create, &[], &["a"])?;
    let device = control.find(&origin)?.context("it is gone")?;
    drop(root);
    ensure!(!device.suspended, "the origin is still suspended");
    Ok(())
}

fn change_records(sandbox: &Sandbox, change: impl FnOnce(&mut Value)) -> Result<()> {
    let file = dir(sandbox).join("records.json");
    let mut records: Value = serde_json::from_slice(&fs::read(&file)?)?;
    change(&mut records);
    Ok(fs::write(file, serde_json::to_vec(&records)?)?)
}

/// What the pool keeps of its records for a reader has all blocks that were in them stay taken.
pub fn what_was_kept_for_one_that_was_killed_is_let_go(sandbox: &Sandbox) -> Result<()> {
    let driver = driver(sandbox)?;
    layer(&driver, "a", None, ("file", b"a"))?;
    let (pool, before) = (info(&driver, "pool")?, info(&driver, "data used")?);
    layer(&driver, "b", Some("a"), ("large", &noise(8 << 20)))?;
    let keep = || Control::open(silent())?.message(&pool, "reserve_metadata_snap");
    keep()?;
    driver.remove(&key("b"))?;
    expect::equal("what is used in the pool", &info(&driver, "data used")?, before, THIN)?;
    keep()?;
    let mended = driver.mend()?;
    ensure!(mended.len() == 1, "expected one thing to be mended, not {mended:?}");
    ensure!(driver.mend()?.is_empty(), "it is mended twice");
    Ok(())
}

pub fn killed_at_any_moment_nothing_sealed_is_lost(sandbox: &Sandbox) -> Result<()> {
    driver(sandbox)?.prepare(&key("first"), None)?;
    let used = |sandbox| info(&driver(sandbox)?, "data used");
    let before = used(sandbox)?;
    for round in 0..12 {
        let running = helper::act(sandbox, &["forever", "x"]).spawn()?;
        // Moments that no figure of the machine's has a hand in: 0 to 400 ms.
        sleep(Duration::from_millis(round * 7919 % 401));
        running.signal(Signal::SIGKILL)?;
        let said = running.wait()?.stdout();
        let driver = driver(sandbox)?;
        driver.mend()?;
        let there: BTreeSet<_> = driver.keys()?.iter().map(|key| key.to_string()).collect();
        for name in sealed(&said) {
            ensure!(there.contains(name), "{name} is lost; it had said {said:?}");
            let found = read(&driver, name, name)?;
            expect::equal(name, &found.as_deref(), Some(name.as_bytes()), READ_ON)?;
        }
        for name in there.iter().rev().filter(|name| *name != "first") {
            driver.remove(&key(name))?;
        }
    }
    expect::equal("what is used in the pool", &used(sandbox)?, before, READ_ON)
}

/// What a helper has said to be there.
fn sealed(said: &str) -> BTreeSet<&str> {
    let mut there = BTreeSet::new();
    for line in said.lines() {
        match line.split_at(1) {
            ("+", name) => drop(there.insert(name)),
            (_, name) => drop(there.remove(name)),
        }
    }
    there
}

pub fn several_processes_share_a_pool(sandbox: &Sandbox) -> Result<()> {
    let limit = Duration::from_secs(60);
    let start =
        |number| helper::act(sandbox, &["often", &format!("p{number}"), "2"]).limit(limit).spawn();
    let all: Vec<_> = (0..4).map(start).collect::<Result<_>>()?;
    for running in all {
        running.wait()?.success()?;
    }
    expect::equal("snapshots that are left", &driver(sandbox)?.keys()?, vec![], READ_ON)
}
