//! The drivers by name, and which is the best that a host can do.

use std::{fmt, path::Path, str::FromStr};

use anyhow::{Context, Error, Result, bail};

use super::{
    Driver, Snapshots,
    btrfs::Btrfs,
    devicemapper::{DeviceMapper, Options},
    overlay::Overlay,
    vfs::Vfs,
};
use crate::store::make_dir;

/// A driver, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Choice {
    /// The kernel's union mount.
    Overlay,
    /// Subvolumes of a btrfs.
    Btrfs,
    /// Copies.
    Vfs,
    /// Devices of a thin pool.
    DeviceMapper,
}

/// The best first. Copies work everywhere; what comes after them has to be asked for.
pub(super) const ALL: [Choice; 4] =
    [Choice::Overlay, Choice::Btrfs, Choice::Vfs, Choice::DeviceMapper];

impl Choice {
    /// The best driver for a store's directory `dir`, and why it is. Whoever has a store on a host
    /// keeps its driver, also when another would now be better.
    pub(super) fn best(dir: &Path) -> Result<(Self, String)> {
        let used = |choice: &Self| dir.join(choice.name()).exists();
        if let Some(choice) = ALL.into_iter().find(used) {
            return Ok((choice, "this store uses it already".into()));
        }
        let mut refused = Vec::new();
        for choice in ALL {
            match choice.probe(dir) {
                Ok(()) if refused.is_empty() => return Ok((choice, "it works here".into())),
                Ok(()) => return Ok((choice, format!("it works here; {}", refused.join("; ")))),
                Err(error) => refused.push(format!("{choice}: {error:#}")),
            }
        }
        bail!("storage: no driver works in {}: {}", dir.display(), refused.join("; "))
    }

    /// Opens what this driver has in the directory `dir` of a store, with what was asked of it.
    pub(super) fn open(self, dir: &Path, options: &[String]) -> Result<Snapshots> {
        if let (true, Some(option)) = (self != Self::DeviceMapper, options.first()) {
            bail!("storage: {self} has no options, and so not {option:?}");
        }
        let dir = dir.join(self.name());
        make_dir(&dir)?;
        let place = dir.join("snapshots");
        let driver: Result<Box<dyn Driver>> = match self {
            Self::Overlay => Overlay::open(place).map(|driver| Box::new(driver) as _),
            Self::Btrfs => Btrfs::open(place).map(|driver| Box::new(driver) as _),
            Self::Vfs => Vfs::open(place).map(|driver| Box::new(driver) as _),
            Self::DeviceMapper => Options::parse(options)
                .and_then(|options| DeviceMapper::open(place, options))
                .map(|driver| Box::new(driver) as _),
        };
        Snapshots::open(&dir, driver.with_context(|| format!("storage: {self}"))?)
    }

    fn probe(self, dir: &Path) -> Result<()> {
        match self {
            Self::Overlay => Overlay::probe(dir),
            Self::Btrfs => Btrfs::probe(dir),
            Self::Vfs => Ok(()),
            Self::DeviceMapper => bail!("it has to be asked for"),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Btrfs => "btrfs",
            Self::Vfs => "vfs",
            Self::DeviceMapper => "devicemapper",
        }
    }
}

impl FromStr for Choice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let names = ALL.map(Self::name).join(", ");
        let found = ALL.into_iter().find(|choice| choice.name() == text);
        found
            .with_context(|| format!("storage: --storage-driver {text:?}: expected one of {names}"))
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}
