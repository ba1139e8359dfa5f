//! How long containers take to start, under this runtime and under others.
//!
//! `cargo bench -p conformance --bench startup [-- ROUNDS]`, as root. Every runtime gets the same
//! bundle; their turns alternate within one run, with a pause between them, since a start that
//! follows another closely hides the wait of the kernel that moving a process between control groups
//! takes. The tables, one for each version of cgroups that this machine has, go to standard output and to
//! `target/startup/table.md`.
//!
//! The runtime that is measured is `target/release/final-runtime`, as `cargo release` builds it, but
//! installed. The others are taken from PATH: crun, runc and youki.

mod bundle;
mod cost;
mod floor;
mod layout;
mod runtime;
mod table;

use std::{path::PathBuf, process::ExitCode, thread::sleep, time::Duration};

use anyhow::{Context, Result, ensure};
use nix::unistd::geteuid;
use step06::Version;

use bundle::Bundle;
use cost::Cost;
use floor::Floor;
use layout::State;
use runtime::Runtime;
use table::Table;

/// Shorter ones hide the wait of the kernel.
const PAUSE: Duration = Duration::from_millis(40);

/// How many containers sleep at a time.
const MANY: usize = 200;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("startup: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    ensure!(geteuid().is_root(), "the runtimes are compared as root");
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(30);
    let bundle = Bundle::new()?;
    let _state = State::new(bundle.dir())?;
    let mut tables = String::new();
    for version in layout::versions()? {
        layout::show(version, bundle.dir())?;
        let table = measure(version, &bundle, rounds).with_context(|| format!("{version:?}"))?;
        print!("{table}");
        tables += &table.to_string();
    }
    let file = output_dir()?.join("table.md");
    std::fs::write(&file, tables).with_context(|| format!("writing {}", file.display()))
}

fn measure(version: Version, bundle: &Bundle, rounds: usize) -> Result<Table> {
    let (runtimes, unfit) = Runtime::all(bundle)?;
    let floor = (version == Version::V1).then(|| Floor::new(bundle.dir())).transpose()?;
    let mut table = Table::new(version, rounds, &runtimes, unfit);
    let mut floors = Vec::new();
    for (what, act) in ACTS {
        let mut costs: Vec<Vec<Cost>> = runtimes.iter().map(|_| Vec::new()).collect();
        for round in 0..rounds {
            if let Some(floor) = &floor {
                sleep(PAUSE);
                floors.push(floor.run(bundle).context("the floor")?);
            }
            for turn in 0..runtimes.len() {
                let which = (turn + round) % runtimes.len();
                sleep(PAUSE);
                let runtime = &runtimes[which];
                let cost = act(runtime, bundle).with_context(|| format!("{what}: {runtime}"))?;
                costs[which].push(cost);
            }
        }
        table.add(what, &costs);
    }
    let many = || runtimes.iter().map(|one| one.many(bundle, MANY)).collect::<Result<Vec<_>>>();
    many()?; // does not count: the kernel makes structures that it keeps for the next
    table.add_many(MANY, &many()?);
    if !floors.is_empty() {
        table.add_floor(&floors);
    }
    Ok(table)
}

/// One thing that is timed.
type Act = fn(&Runtime, &Bundle) -> Result<Cost>;

const ACTS: [(&str, Act); 4] = [
    ("`run` of a command that ends at once", Runtime::run),
    ("`create`, `start`, `delete`", Runtime::life),
    ("`exec` of a command that ends at once", Runtime::exec),
    ("`delete --force` of one that runs", Runtime::delete),
];

/// `target/startup`, beside where cargo has put this program.
fn output_dir() -> Result<PathBuf> {
    let program = std::env::current_exe().context("looking for this program")?;
    let target = program.ancestors().nth(3).context("this program is not in a target directory")?;
    let dir = target.join("startup");
    std::fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    Ok(dir)
}
