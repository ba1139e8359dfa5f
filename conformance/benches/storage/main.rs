//! What does a storage driver cost, and what becomes of what is said about them?
//!
//!     cargo bench -p conformance --bench storage [-- --quick] [--book] [DRIVER/FILESYSTEM…]
//!
//! Each driver works on a file system of its own, on a loop device on a file in memory, so that what
//! reaches the device can be counted, and no other user of a disk is in the way. It takes root. What this kernel cannot do is left out, and said. The
//! results go to `target/storage/` (with `--book` to `book/measured/`) as JSON, a table in Markdown and plots in SVG; results of other
//! kernels that are there already are kept, and put into the same table.

mod measure;
#[path = "../measured.rs"]
mod measured;
mod noise;
mod place;
mod plot;
mod resident;
mod results;
mod verdict;

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    unistd::geteuid,
};

use place::{PLACES, Place};
use results::Results;

/// How much is measured.
pub struct Amount {
    /// Sizes of files, in MiB.
    pub sizes: &'static [u64],
    /// How often a time is taken; the median counts.
    pub rounds: usize,
    /// Layers below a container.
    pub depths: &'static [usize],
    /// How often a container is made and removed to see what it leaves.
    pub containers: usize,
    /// Writes of 4 KiB to a file of 128 MiB.
    pub overwrites: usize,
}

const FULL: Amount = Amount {
    sizes: &[1, 16, 128, 512],
    rounds: 5,
    depths: &[1, 16, 64, 126],
    containers: 100,
    overwrites: 20_000,
};

const QUICK: Amount =
    Amount { sizes: &[1, 16, 64], rounds: 1, depths: &[1, 16], containers: 10, overwrites: 2_000 };

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("storage: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let words: Vec<_> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let amount = if words.iter().any(|word| word == "--quick") { QUICK } else { FULL };
    let named: Vec<_> = words.iter().filter(|word| !word.starts_with("--")).collect();
    ensure!(geteuid().is_root(), "it takes root to mount file systems");
    own_mounts()?;
    let out = measured::directory(&words)?;
    let mut results = Results::load(&out)?;
    for kind in PLACES.iter().filter(|kind| named.is_empty() || named.contains(&&kind.name())) {
        let name = kind.name();
        match Place::new(kind) {
            Ok(place) => {
                eprintln!("{name} …");
                let found = measure::all(&place, &amount);
                results.put(&name, found.with_context(|| format!("measuring {name}"))?);
                results.save(&out)?;
            }
            Err(error) => eprintln!("{name}: not measured: {error:#}"),
        }
    }
    results.save(&out)?;
    println!("{}", results.table());
    println!("{}", verdict::table(&results));
    eprintln!("written to {}", out.display());
    Ok(())
}

/// Nobody else sees the mounts that are made here, and they are gone with this process.
fn own_mounts() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS).context("making a mount namespace")?;
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).context("making mounts private")
}
