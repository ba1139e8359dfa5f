//! What was found, kept as JSON from run to run, and as a table.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{measured, plot, verdict};

/// What was found for one driver on one file system: what was measured, and the number.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Found {
    /// The kernel that it was measured on.
    pub kernel: String,
    /// The processors, and how busy they were.
    #[serde(default)]
    machine: String,
    /// In the order in which it was measured.
    numbers: Vec<(String, f64)>,
}

impl Found {
    /// Adds a number.
    pub fn put(&mut self, what: &str, number: f64) {
        self.numbers.push((what.to_string(), number));
    }

    /// The number for this.
    pub fn get(&self, what: &str) -> Option<f64> {
        self.numbers.iter().find(|(name, _)| name == what).map(|(_, number)| *number)
    }
}

/// All of it, by `DRIVER/FILESYSTEM`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Results(BTreeMap<String, Found>);

impl Results {
    /// Those of earlier runs.
    pub fn load(dir: &Path) -> Result<Self> {
        match fs::read(dir.join("results.json")) {
            Ok(text) => serde_json::from_slice(&text).context("reading earlier results"),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Replaces what was found for one of them.
    pub fn put(&mut self, name: &str, found: Found) {
        let (kernel, machine) = (measured::kernel(), measured::machine());
        self.0.insert(name.into(), Found { kernel, machine, ..found });
    }

    /// Writes them, the table and the plots.
    pub fn save(&self, dir: &Path) -> Result<()> {
        let write = |name: &str, text: String| {
            let file = dir.join(name);
            fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
        };
        write("results.json", serde_json::to_string_pretty(self)? + "\n")?;
        write("table.md", self.table())?;
        write("verdicts.md", verdict::table(self))?;
        write("one-byte.svg", plot::one_byte(self))?;
        write("readers.svg", plot::readers(self))
    }

    /// One number, `NaN` where it was not measured.
    pub fn get(&self, name: &str, what: &str) -> Option<f64> {
        self.0.get(name)?.get(what)
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// A row for each thing that was measured, a column for each driver.
    pub fn table(&self) -> String {
        let mut rows: Vec<&String> = Vec::new();
        for (what, _) in self.0.values().flat_map(|found| &found.numbers) {
            if !rows.contains(&what) {
                rows.push(what);
            }
        }
        let mut text = String::from("| |");
        let head = |text: &mut String, cells: &mut dyn Iterator<Item = String>| {
            cells.for_each(|cell| {
                let _ = write!(text, " {cell} |");
            });
            text.push('\n');
        };
        head(&mut text, &mut self.names().cloned());
        text.push_str("| --- |");
        head(&mut text, &mut self.names().map(|_| "---:".to_string()));
        for what in rows {
            let _ = write!(text, "| {what} |");
            let cell = |found: &Found| found.get(what).map_or("–".to_string(), short);
            head(&mut text, &mut self.0.values().map(cell));
        }
        text.push_str("| kernel |");
        head(&mut text, &mut self.0.values().map(|found| found.kernel.clone()));
        let told = self.0.values().filter_map(|found| found.machine.split_once(", load "));
        let (machines, loads): (BTreeSet<_>, BTreeSet<_>) = told.unzip();
        let machines: Vec<_> = machines.into_iter().collect();
        let _ = write!(
            text,
            "\nMedians, by `cargo bench -p conformance --bench storage`, each on a new file system on \
             a loop device on a file in memory, on {}, under a load of {} to {}.\n",
            machines.join("; "),
            loads.first().unwrap_or(&"?"),
            loads.last().unwrap_or(&"?")
        );
        text
    }
}

/// A number with as many digits as say something.
pub fn short(number: f64) -> String {
    match number.abs() {
        10.0.. => thousands(number.round()),
        1.0..10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

fn thousands(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0.0 { format!("-{text}") } else { text }
}
