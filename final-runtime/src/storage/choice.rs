//! Which driver a store uses: the one that was asked for, the one that it has used so far, or the
//! best that this host can do.

use std::{fmt, path::Path, str::FromStr};

use anyhow::{Context, Error, Result, bail};

use super::{Driver, Snapshots, overlay::Overlay, vfs::Vfs};
use crate::store::make_dir;

/// A driver, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The kernel's union mount.
    Overlay,
    /// Copies.
    Vfs,
}

/// The best first.
const ALL: [Choice; 2] = [Choice::Overlay, Choice::Vfs];

/// A driver, and why it is this one.
pub struct Found {
    /// Its snapshots.
    pub snapshots: Snapshots,
    /// The reason, for a person.
    pub why: String,
}

impl Choice {
    /// The snapshots of a store: those of the driver `asked` for, or of the best one.
    pub fn open(asked: Option<Self>, root: &Path) -> Result<Found> {
        let dir = root.join("storage");
        make_dir(&dir)?;
        let (choice, why) = match asked {
            Some(choice) => (choice, "it was asked for".to_string()),
            None => Self::best(&dir)?,
        };
        let snapshots = Snapshots::open(&dir.join(choice.name()), choice.driver(&dir)?)?;
        Ok(Found { snapshots, why })
    }

    /// Whoever has a store on a host keeps its driver, also when another would now be better.
    fn best(dir: &Path) -> Result<(Self, String)> {
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

    fn driver(self, dir: &Path) -> Result<Box<dyn Driver>> {
        let place = dir.join(self.name()).join("snapshots");
        make_dir(&dir.join(self.name()))?;
        let driver: Result<Box<dyn Driver>> = match self {
            Self::Overlay => Overlay::open(place).map(|driver| Box::new(driver) as Box<dyn Driver>),
            Self::Vfs => Vfs::open(place).map(|driver| Box::new(driver) as Box<dyn Driver>),
        };
        driver.with_context(|| format!("storage: {self}"))
    }

    fn probe(self, dir: &Path) -> Result<()> {
        match self {
            Self::Overlay => Overlay::probe(dir),
            Self::Vfs => Ok(()),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Vfs => "vfs",
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
