//! The pool: found or made active when it is first needed, and how it is. See thin-provisioning.rst.

use std::{fs::File, path::Path, rc::Rc};

use anyhow::{Context, Result, bail, ensure};
use step07::Explain;

use super::{
    backing::Parts,
    block,
    control::Control,
    device::{self, Hold, Table, Wanted},
    options::Options,
    packet::Target,
    records::{Backing, Records},
    status::Status,
    table,
};

/// A pool, as what is written down of it and what is asked for have it.
pub struct Pool<'a> {
    /// The device-mapper.
    pub control: &'a Rc<Control>,
    /// What is written down.
    pub records: &'a Records,
    /// What is asked for.
    pub options: &'a Options,
    /// Where its files are.
    pub dir: &'a Path,
    /// How what is done is told.
    pub explain: Explain,
}

/// A pool that is active.
pub struct Active {
    /// Its device's number.
    pub number: u64,
    _hold: Option<Hold>,
}

impl Pool<'_> {
    /// As the device-mapper has it.
    pub fn name(&self) -> String {
        match &self.records.backing {
            Backing::Pool { name, .. } => name.clone(),
            _ => format!("layers-{}-pool", self.records.store),
        }
    }

    /// Makes it active, if it is our own and is not, for as long as this is kept.
    pub fn hold(&self) -> Result<Active> {
        let Some(parts) = self.records.backing.parts(self.dir) else {
            return self.foreign().map(|number| Active { number, _hold: None });
        };
        let wanted = Wanted {
            name: &self.name(),
            uuid: &format!("LAYERS-{}-pool", self.records.store),
            table: &|| self.start(&parts),
            fits: &|target| self.attached(&parts, target).map(drop),
        };
        let pool = device::hold(self.control, &wanted)?;
        self.grow(&parts)?;
        Ok(Active { number: pool.number, _hold: Some(pool) })
    }

    /// How it is. An error if it is not well.
    pub fn status(&self) -> Result<Status> {
        let status = self.control.status(&self.name())?;
        let [Target { kind, words, .. }] = &status[..] else { bail!("the pool has no table") };
        ensure!(kind == "thin-pool", "{} is no pool", self.name());
        let status = Status::parse(words)?;
        status.healthy().map(|()| status)
    }

    /// Attaches what it is made of, after a look at whether it is still what it was, and says what
    /// its table is to be.
    fn start(&self, parts: &Parts) -> Result<Table> {
        match parts.transaction()? {
            Some(transaction) => drop(self.records.unsettled(transaction)?),
            None => ensure!(
                self.records.is_new(),
                "the pool's records are gone: {} is empty",
                parts.metadata.path().display()
            ),
        }
        let metadata = parts.metadata.attach(&self.explain)?;
        let data = parts.data.attach(&self.explain)?;
        Ok(Table(self.table(&metadata, &data)?, vec![metadata, data]))
    }

    /// The devices in the table of the active pool, which have to be our own.
    fn attached(&self, parts: &Parts, target: &Target) -> Result<[File; 2]> {
        let numbers = table::devices(target);
        let [metadata, data] = numbers.with_context(|| format!("{} is no pool", self.name()))?;
        let attached = [(&parts.metadata, metadata), (&parts.data, data)].map(|(part, number)| {
            part.attached(number)?.with_context(|| {
                let (name, path) = (self.name(), part.path().display());
                format!("{name} is active on something else than {path} (is this a copy of a store that is in use?)")
            })
        });
        let [metadata, data] = attached;
        Ok([metadata?, data?])
    }

    fn table(&self, metadata: &File, data: &File) -> Result<Target> {
        let (block, low) = (self.records.block_size, self.least_free());
        let numbers = [block::number(metadata)?, block::number(data)?];
        Ok(table::pool(numbers, block::size(data)?, block, low))
    }

    /// Gives the pool what is asked for and what its devices have, and it has not.
    fn grow(&self, parts: &Parts) -> Result<()> {
        let name = self.name();
        let active = self.control.table(&name)?;
        let active = active.first().context("the pool has no table")?;
        let [metadata, data] = self.attached(parts, active)?;
        let Options { metadata_size, data_size, .. } = self.options;
        parts.metadata.grow(&metadata, *metadata_size, &self.explain)?;
        parts.data.grow(&data, *data_size, &self.explain)?;
        let larger = self.table(&metadata, &data)?;
        let records = table::metadata_blocks(block::size(&metadata)?);
        if larger.length > active.length || records > self.status()?.metadata.total {
            self.reload(&name, &larger)?;
        }
        Ok(())
    }

    /// Gives a device that is in use another table.
    fn reload(&self, name: &str, table: &Target) -> Result<()> {
        self.control.load(name, table)?;
        let suspended = self.control.suspend(name);
        if suspended.is_err() {
            let _ = self.control.clear(name);
        }
        suspended.and(self.control.resume(name))
    }

    /// A pool that somebody else has made has to be active already, and stays so.
    fn foreign(&self) -> Result<u64> {
        let name = self.name();
        let Backing::Pool { uuid, .. } = &self.records.backing else { bail!("it is our own") };
        let found = self.control.find(&name)?;
        let found = found.with_context(|| format!("there is no device {name} (is it active?)"))?;
        ensure!(found.uuid == *uuid, "{name} is not the pool that this store has used so far");
        Ok(found.number)
    }
}
