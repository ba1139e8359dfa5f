//! `info`: what this host and this store can do.

use anyhow::Result;
use nix::{sys::utsname::uname, unistd::geteuid};
use serde_json::{Map, Value};
use step07::{Hierarchy, Version};

use crate::store::Store;

/// Tell what this host and this store can do, and why
#[derive(clap::Args)]
pub struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let rows = rows(store)?;
        if self.json {
            let all: Map<_, _> =
                rows.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
            println!("{}", serde_json::to_string_pretty(&all)?);
            return Ok(0);
        }
        rows.iter().for_each(|(name, value)| println!("{name:<20} {value}"));
        Ok(0)
    }
}

fn rows(store: &Store) -> Result<Vec<(String, String)>> {
    let snapshots = store.drivers.chosen()?;
    let driver = snapshots.driver();
    let mut rows = vec![
        ("kernel".to_string(), uname()?.release().to_string_lossy().into_owned()),
        ("user".into(), if geteuid().is_root() { "root".into() } else { "ordinary".to_string() }),
        ("cgroups".into(), cgroups()?),
        ("store".into(), store.root.display().to_string()),
        ("containers".into(), store.containers.all()?.0.len().to_string()),
        ("images".into(), store.images.all()?.0.len().to_string()),
        ("storage".into(), driver.name().to_string()),
        ("storage, why".into(), store.drivers.why().to_string()),
    ];
    let more = driver.info()?.into_iter();
    rows.extend(more.map(|(name, value)| (format!("storage, {name}"), value)));
    Ok(rows)
}

/// The controllers of each version that this caller may use.
fn cgroups() -> Result<String> {
    let usable: Vec<_> = Hierarchy::all()?.into_iter().filter(|one| one.top().is_some()).collect();
    let of = |version| {
        let some = usable.iter().filter(|one| one.version == version);
        some.flat_map(|one| one.controllers.clone()).collect::<Vec<_>>().join(" ")
    };
    let told = [(Version::V1, "v1"), (Version::V2, "v2")].map(|(version, name)| {
        Some(of(version)).filter(|of| !of.is_empty()).map(|of| format!("{name}: {of}"))
    });
    let told: Vec<_> = told.into_iter().flatten().collect();
    Ok(if told.is_empty() { "none for this user".into() } else { told.join("; ") })
}
