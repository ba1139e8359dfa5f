//! Which pool a store has: the one that is written down, or a new one as it was asked for. What was
//! asked for and cannot be had any more is refused.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use step07::{Explain, bytes};

use super::{
    backing::Parts,
    control::Control,
    options::Options,
    packet::Target,
    records::{BASE, Backing, Records},
    status::Status,
    table,
};

/// What was not asked for is so large. The files are sparse.
const DATA_SIZE: u64 = 100 << 30;
const BLOCK_SIZE: u64 = 64 << 10;

/// The pool's records take 48 bytes for each block (thin-provisioning.rst); twice that, since much is
/// shared, and no less than what would be full soon.
const METADATA_FOR_BLOCK: u64 = 96;
const LEAST_METADATA: u64 = 8 << 20;

/// The records in `dir`. New ones are on the disk before the kernel is given what they speak of.
pub fn records(
    dir: &Path,
    options: &Options,
    control: &Control,
    explain: &Explain,
) -> Result<Records> {
    let mut records = match Records::load(dir)? {
        Some(records) => records,
        None => {
            let records = new(options, control)?;
            records.save(dir)?;
            records
        }
    };
    agree(&records, options)?;
    if !records.begun {
        if let Some(parts) = records.backing.parts(dir) {
            begin(&parts, records.block_size, options, explain)?;
        }
        records.begun = true;
        records.save(dir)?;
    }
    Ok(records)
}

fn new(options: &Options, control: &Control) -> Result<Records> {
    if let Some(name) = &options.pool {
        let (backing, block_size) = foreign(name, control)?;
        return Records::new(backing, block_size);
    }
    let backing = match &options.devices {
        Some(devices) => Backing::Devices(devices.clone()),
        None => Backing::Files,
    };
    Records::new(backing, options.block_size.unwrap_or(BLOCK_SIZE))
}

/// Files of the right size, with nothing in them, or devices with nothing on them.
fn begin(parts: &Parts, block: u64, options: &Options, explain: &Explain) -> Result<()> {
    let data = options.data_size.unwrap_or(DATA_SIZE);
    let metadata = (data / block * METADATA_FOR_BLOCK).max(LEAST_METADATA);
    let metadata =
        options.metadata_size.unwrap_or(metadata.next_multiple_of(table::METADATA_BLOCK));
    parts.data.make(data, explain)?;
    parts.metadata.make(metadata, explain)?;
    parts.ensure_empty()
}

/// A pool that somebody else has made is taken if nobody has used it so far.
fn foreign(name: &str, control: &Control) -> Result<(Backing, u64)> {
    let found = control.find(name)?;
    let found = found.with_context(|| format!("there is no device {name} (is it active?)"))?;
    let no_pool = || format!("{name} is no pool");
    let (table, status) = (control.table(name)?, control.status(name)?);
    let ([table], [Target { words, .. }]) = (&table[..], &status[..]) else { bail!(no_pool()) };
    let block_size = table::block_size(table).with_context(no_pool)?;
    let status = Status::parse(words)?;
    status.healthy()?;
    let unused = status.transaction == 0 && status.data.used == 0;
    ensure!(unused, "{name} has been used by somebody else: only a new pool can be taken");
    Ok((Backing::Pool { name: name.into(), uuid: found.uuid }, block_size))
}

/// What a store began with it keeps.
fn agree(records: &Records, options: &Options) -> Result<()> {
    let base = records.devices.get(BASE);
    let made = |what: &str, is: String| format!("this store was made with {what} {is}");
    if let Some(asked) = &options.pool {
        let same = matches!(&records.backing, Backing::Pool { name, .. } if name == asked);
        ensure!(same, made("another pool than", asked.clone()));
    }
    if let Some(asked) = &options.devices {
        let same = matches!(&records.backing, Backing::Devices(devices) if devices == asked);
        ensure!(same, made("other devices than", asked.data.display().to_string()));
    }
    if options.data_size.or(options.metadata_size).is_some() {
        ensure!(records.backing == Backing::Files, "this store's pool is not made of files");
    }
    if let Some(asked) = options.block_size {
        let (asked, has) = (bytes(asked), bytes(records.block_size));
        ensure!(asked == has, "{}, not {asked}", made("dm.blocksize", has.clone()));
    }
    if let (Some(asked), Some(base)) = (options.base_size, base) {
        let (asked, has) = (bytes(asked), bytes(base.size));
        ensure!(asked == has, "{}, not {asked}", made("dm.basesize", has.clone()));
    }
    if let (Some(asked), Some(has)) = (options.filesystem, base.and_then(|base| base.filesystem)) {
        ensure!(asked == has, "{}, not {asked}", made("dm.fs", has.to_string()));
    }
    Ok(())
}
