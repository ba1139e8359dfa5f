//! The results, as a table in Markdown.

use std::fmt;

use step06::Version;

use crate::{
    cost::Cost,
    runtime::{Many, Runtime, Unfit},
};

/// One column a runtime, the first of which is this project's; one row a thing that was measured.
pub struct Table {
    version: Version,
    rounds: usize,
    names: Vec<String>,
    unfit: Vec<Unfit>,
    rows: Vec<(String, Vec<Cell>)>,
    /// The time of the first act of this project's, in seconds.
    own: Option<f64>,
    /// What that takes of the kernel itself, where it was measured.
    floor: Option<f64>,
}

/// A figure, and how many times that of the first column it is.
struct Cell {
    text: String,
    times: f64,
}

impl Table {
    /// Without rows. Those that are `unfit` did not work, and said why.
    pub fn new(version: Version, rounds: usize, runtimes: &[Runtime], unfit: Vec<Unfit>) -> Self {
        let names = runtimes.iter().map(ToString::to_string).collect();
        Self { version, rounds, names, unfit, rows: Vec::new(), own: None, floor: None }
    }

    /// The median time of an act, and the median of its peak of memory.
    pub fn add(&mut self, what: &str, costs: &[Vec<Cost>]) {
        let medians = |of: fn(&Cost) -> f64| -> Vec<f64> {
            costs.iter().map(|costs| median(costs.iter().map(of))).collect()
        };
        let time = medians(|cost| cost.time.as_secs_f64());
        let peak = medians(|cost| cost.memory as f64);
        self.own = self.own.or(time.first().copied());
        self.row(what.into(), &time, |time| format!("{:.1} ms", time * 1e3));
        self.row("… memory at its peak".into(), &peak, |kib| format!("{:.1} MB", kib / 1e3));
    }

    /// Many at a time.
    pub fn add_many(&mut self, count: usize, all: &[Many]) {
        let time: Vec<_> = all.iter().map(|one| one.time.as_secs_f64()).collect();
        let memory: Vec<_> = all.iter().map(|one| one.memory as f64).collect();
        self.row(format!("starting {count} that sleep"), &time, |time| format!("{time:.2} s"));
        self.row("… memory of each".into(), &memory, |kib| format!("{:.2} MB", kib / 1e3));
    }

    /// What `run`, of which the first row is, takes of the kernel itself.
    pub fn add_floor(&mut self, costs: &[Cost]) {
        self.floor = Some(median(costs.iter().map(|cost| cost.time.as_secs_f64())));
    }

    fn row(&mut self, what: String, values: &[f64], text: impl Fn(f64) -> String) {
        let first = values.first().copied().unwrap_or(f64::NAN);
        let cell = |value: &f64| Cell { text: text(*value), times: value / first };
        self.rows.push((what, values.iter().map(cell).collect()));
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let version = match self.version {
            Version::V1 => 1,
            Version::V2 => 2,
        };
        let rounds = self.rounds;
        writeln!(
            f,
            "Medians of {rounds} rounds, interleaved, control groups of version {version}:\n"
        )?;
        writeln!(f, "| | {} |", self.names.join(" | "))?;
        writeln!(f, "| --- |{}", " ---: |".repeat(self.names.len()))?;
        for (what, cells) in &self.rows {
            write!(f, "| {what} |")?;
            for (number, Cell { text, times }) in cells.iter().enumerate() {
                match number {
                    0 => write!(f, " {text} |")?,
                    _ => write!(f, " {text} ({times:.1}×) |")?,
                }
            }
            writeln!(f)?;
        }
        writeln!(f)?;
        for Unfit { name, refusal } in &self.unfit {
            writeln!(f, "Not compared, since it did not run: {name} (`{refusal}`).\n")?;
        }
        let Some((own, floor)) = self.own.zip(self.floor) else { return Ok(()) };
        let (floor, times) = (floor * 1e3, own / floor);
        writeln!(
            f,
            "The same calls of the kernel that `run` makes, by a program in C that does nothing else \
             (`floor.c`): {floor:.1} ms, so that `run` takes {times:.1} times what it has to.\n"
        )
    }
}
