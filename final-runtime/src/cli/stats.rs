//! `stats`: what containers use.

use std::{
    collections::HashMap,
    io::{IsTerminal, Write, stderr, stdout},
    path::PathBuf,
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use step07::Value;

use super::rows;
use crate::{
    lifecycle::{
        container::{Condition, Container},
        usage::{Sample, table},
    },
    store::Store,
};

/// How long lies between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Print what containers use, again each second
#[derive(clap::Args)]
pub struct Args {
    /// Also those that do not run
    #[arg(short, long)]
    all: bool,

    /// Once
    #[arg(long)]
    no_stream: bool,

    /// For people, or for programs as one line of JSON a container
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,

    /// Once, and all that each controller counts
    #[arg(long, requires = "containers", conflicts_with_all = ["all", "format"])]
    detail: bool,

    /// Names, ids, or beginnings of ids [default: all that run]
    containers: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// One container at one moment.
struct Row {
    container: Container,
    runs: bool,
    now: Sample,
    before: Option<Sample>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        if self.detail {
            return detail(store, &self.containers);
        }
        let named = self.containers.iter().map(|name| Named::find(store, name));
        let named = named.collect::<Result<Vec<_>>>()?;
        let mut before = HashMap::new();
        if self.no_stream {
            self.look(store, &named, &mut before)?;
            sleep(INTERVAL);
        }
        let mut told = Vec::new();
        loop {
            let rows = self.look(store, &named, &mut before)?;
            match self.format {
                Format::Json => print_json(&rows)?,
                Format::Table => self.print_table(&rows)?,
            }
            if self.is_live() {
                told.clear(); // with the screen
            }
            tell_of_uncounted(&rows, &mut told);
            let over = !named.is_empty() && !rows.iter().any(|row| row.runs);
            if self.no_stream || over {
                return Ok(0);
            }
            sleep(INTERVAL);
        }
    }

    /// All that are to be shown, as they are now. `before` keeps what was seen for the next time.
    fn look(
        &self,
        store: &Store,
        named: &[Named],
        before: &mut HashMap<String, Sample>,
    ) -> Result<Vec<Row>> {
        let containers: Vec<(Container, bool)> = match named {
            [] => store.containers.all()?.0.into_iter().map(|one| (one, self.all)).collect(),
            named => named.iter().filter_map(Named::look).collect(),
        };
        let mut rows = Vec::new();
        for (container, even_stopped) in containers {
            let runs = matches!(container.condition(), Condition::Up | Condition::Paused);
            let sample = if runs { Sample::of(&container)? } else { None };
            let (runs, now) = match sample {
                Some(now) => (true, now),
                None if even_stopped => (false, Sample::nothing()),
                None => continue,
            };
            let before = before.insert(container.config.id.clone(), now.clone());
            rows.push(Row { container, runs, now, before });
        }
        Ok(rows)
    }

    fn is_live(&self) -> bool {
        !self.no_stream && self.format == Format::Table && stdout().is_terminal()
    }

    fn print_table(&self, all: &[Row]) -> Result<()> {
        let heading = [
            "CONTAINER ID",
            "NAME",
            "CPU %",
            "MEM USAGE / LIMIT",
            "MEM %",
            "NET I/O",
            "BLOCK I/O",
            "PIDS",
        ];
        let heading = heading.map(String::from).to_vec();
        let lines =
            rows(&std::iter::once(heading).chain(all.iter().map(Row::cells)).collect::<Vec<_>>());
        let mut text = String::new();
        // Over the last one, not after it, and without what was there.
        let (home, end, clear) = match self.is_live() {
            true => ("\x1b[H", "\x1b[K\n", "\x1b[J"),
            false => ("", "\n", ""),
        };
        text += home;
        lines.iter().for_each(|line| text += &format!("{line}{end}"));
        text += clear;
        stdout().write_all(text.as_bytes()).context("stats: printing")
    }
}

/// A container that was asked for by name.
struct Named {
    dir: PathBuf,
    /// Whether it did not run then. Others go when they end.
    stopped: bool,
}

impl Named {
    fn find(store: &Store, name: &str) -> Result<Self> {
        let container = store.containers.find(name)?;
        Ok(Self { stopped: container.pid().is_none(), dir: container.dir })
    }

    fn look(&self) -> Option<(Container, bool)> {
        Some((Container::load(self.dir.clone()).ok()?, self.stopped))
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let Sample { memory, network, disk, pids, .. } = self.now;
        let most = self.now.memory_limit.or_else(host_memory);
        let part = memory.zip(most).map(|(used, most)| used as f64 / most as f64);
        let cpus = self.before.as_ref().and_then(|before| self.now.cpus(before));
        let bytes = |number: u64| Value::Bytes(number).to_string();
        let both = |(one, other): (u64, u64)| format!("{} / {}", bytes(one), bytes(other));
        let percent = |part: f64| format!("{:.2}%", part * 100.0);
        let known = |cell: Option<String>| cell.unwrap_or("-".into());
        vec![
            self.container.config.id.clone(),
            self.container.config.name.clone(),
            known(cpus.map(percent)),
            known(memory.zip(most).map(both)),
            known(part.map(percent)),
            known(network.map(both)),
            known(disk.map(both)),
            known(pids.map(|number| number.to_string())),
        ]
    }
}

/// What one may use who is not limited. See proc_meminfo(5).
fn host_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

fn print_json(rows: &[Row]) -> Result<()> {
    let line = |row: &Row| format!("{}\n", row.now.json(&row.container, row.before.as_ref()));
    let text: String = rows.iter().map(line).collect();
    let mut out = stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("stats: printing")
}

/// Each is told of once.
fn tell_of_uncounted(rows: &[Row], told: &mut Vec<String>) {
    for row in rows.iter().filter(|row| row.runs && row.now.is_uncounted()) {
        let name = &row.container.config.name;
        if !told.contains(name) {
            let _ = writeln!(stderr(), "final-runtime: stats: {}", uncounted(name));
            told.push(name.clone());
        }
    }
}

fn uncounted(name: &str) -> String {
    format!(
        "container {name} has no control group of its own, since none is delegated to the caller: \
         nobody counts what it uses"
    )
}

fn detail(store: &Store, names: &[String]) -> Result<u8> {
    for name in names {
        let container = store.containers.find(name)?;
        let stats = table(&container)?;
        ensure!(!stats.0.is_empty(), "stats: {}", uncounted(name));
        if names.len() > 1 {
            println!("{name}");
        }
        print!("{stats}");
    }
    Ok(0)
}
