//! Files as block devices.

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt, MetadataExt},
    thread,
};

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect};
use final_runtime::storage::devicemapper::loop_device::Loop;

use crate::scene::silent;

pub fn a_file_is_a_block_device_as_long_as_it_is_open(sandbox: &Sandbox) -> Result<()> {
    let path = sandbox.dir().join("file");
    let file = File::create_new(&path)?;
    file.set_len(1 << 20)?;
    ensure!(Loop::of(&path)?.is_none(), "it is attached before it is");

    let attached = Loop::attach(&path, &silent())?;
    attached.device.write_all_at(&[7; 4096], 8192)?;
    attached.device.sync_all()?;
    let mut written = [0; 4096];
    file.read_exact_at(&mut written, 8192)?;
    expect::equal("what was written to the device", &written, [7; 4096], "loop(4)")?;

    file.set_len(2 << 20)?;
    attached.grow(&silent())?;
    attached.device.write_all_at(&[7; 4096], (2 << 20) - 4096)?;

    let found = Loop::of(&path)?.context("nobody knows where it is attached")?;
    expect::equal("where it is attached", &found.path(), attached.path(), "loop(4)")?;
    drop((found, attached));
    ensure!(Loop::of(&path)?.is_none(), "it is attached when nobody has it open");
    fs::remove_file(&path)?;
    Ok(())
}

pub fn many_get_loop_devices_at_once(sandbox: &Sandbox) -> Result<()> {
    let attach = |number: u32| {
        let path = sandbox.dir().join(number.to_string());
        File::create_new(&path)?.set_len(1 << 20)?;
        let attached = Loop::attach(&path, &silent())?;
        ensure!(attached.is_of(&path)?, "{} has another's file", attached.path().display());
        Ok(attached)
    };
    let all: Vec<Loop> = thread::scope(|scope| {
        let threads: Vec<_> = (0..12).map(|number| scope.spawn(move || attach(number))).collect();
        threads.into_iter().map(|one| one.join().expect("it does not panic")).collect::<Result<_>>()
    })?;
    let mut numbers: Vec<_> = all
        .iter()
        .map(|one| one.device.metadata().map(|it| it.rdev()))
        .collect::<Result<_, _>>()?;
    numbers.sort_unstable();
    numbers.dedup();
    expect::equal("how many devices there are", &numbers.len(), 12, "loop(4)")
}
