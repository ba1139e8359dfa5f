//! Who makes the container's group: this program itself, or systemd on its behalf.

use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};
use step05::Explain;

use crate::{
    GroupPath,
    scope::Scope,
    systemd::{Systemd, Whose, runs_the_host},
};

/// Whom groups are had from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CgroupManager {
    /// From systemd where it runs the host and answers; else they are made by mkdir
    #[default]
    Auto,
    /// They are made by mkdir
    Cgroupfs,
    /// From systemd
    Systemd,
}

impl FromStr for CgroupManager {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "auto" => Self::Auto,
            "cgroupfs" => Self::Cgroupfs,
            "systemd" => Self::Systemd,
            _ => bail!("expected auto, cgroupfs or systemd"),
        })
    }
}

impl CgroupManager {
    /// The scope to ask systemd for; `None` if the group is to be made in the plain way.
    ///
    /// Groups of systemd's are in slices. Who names a parent that is none does not mean systemd.
    pub fn scope(
        self,
        explain: &Explain,
        parent: Option<&GroupPath>,
        unit: &str,
    ) -> Result<Option<Scope>> {
        let slice = match parent {
            None => Some(Whose::ours().default_slice()),
            Some(parent) => parent.slice(),
        };
        let auto = self == Self::Auto;
        if self == Self::Cgroupfs || auto && (slice.is_none() || !runs_the_host()) {
            return Ok(None);
        }
        let slice = slice.with_context(|| {
            let parent = parent.map(ToString::to_string).unwrap_or_default();
            format!("--cgroup-parent {parent}: systemd keeps scopes in slices: expected NAME.slice")
        })?;
        match Systemd::connect() {
            Ok(_) => Ok(Some(Scope::new(unit, slice.into()))),
            Err(error) if auto => {
                explain.say(format_args!("# not from systemd: {error:#}"));
                Ok(None)
            }
            Err(error) => Err(error.context("--cgroup-manager systemd")),
        }
    }
}
