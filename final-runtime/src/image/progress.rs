//! How far a pull is: a bar for each layer on a terminal, lines elsewhere.

use std::io::{IsTerminal, stderr};

use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{
    manifest::Descriptor,
    source::{Progress, Unwatched, Watcher},
};

/// What is told on standard error.
pub enum Told {
    /// On a terminal.
    Bars(MultiProgress, ProgressStyle),
    /// Elsewhere: a line when something begins, and one when it is there.
    Lines,
    /// Nothing.
    Nothing,
}

impl Told {
    /// What suits standard error.
    pub fn new(quiet: bool) -> Result<Self> {
        let template = "{msg} [{bar:30}] {bytes:>10}/{total_bytes:10} {bytes_per_sec}";
        Ok(match (quiet, stderr().is_terminal()) {
            (true, _) => Self::Nothing,
            (false, false) => Self::Lines,
            (false, true) => Self::Bars(
                MultiProgress::new(),
                ProgressStyle::with_template(template)?.progress_chars("=> "),
            ),
        })
    }
}

impl Watcher for Told {
    fn present(&self, layer: &Descriptor) {
        let line = format!("layer {}: is there already", layer.digest.short());
        match self {
            Self::Bars(bars, _) => drop(bars.println(line)),
            Self::Lines => eprintln!("{line}"),
            Self::Nothing => {}
        }
    }

    fn begin(&self, layer: &Descriptor, have: u64) -> Box<dyn Progress + '_> {
        let name = layer.digest.short().to_string();
        match self {
            Self::Bars(bars, style) => {
                let bar = bars.add(ProgressBar::new(layer.size));
                bar.set_style(style.clone());
                bar.set_message(name);
                bar.set_position(have);
                bar.reset_eta();
                Box::new(bar)
            }
            Self::Lines => {
                let rest = layer.size - have;
                eprintln!("layer {name}: pulling {rest} of {} bytes", layer.size);
                Box::new(Line(name))
            }
            Self::Nothing => Box::new(Unwatched),
        }
    }
}

impl Progress for ProgressBar {
    fn restart(&self) {
        self.set_position(0);
    }

    fn add(&self, bytes: u64) {
        self.inc(bytes);
    }

    fn done(&self) {
        self.finish();
    }
}

struct Line(String);

impl Progress for Line {
    fn restart(&self) {
        eprintln!("layer {}: from the beginning", self.0);
    }

    fn add(&self, _bytes: u64) {}

    fn done(&self) {
        eprintln!("layer {}: is there", self.0);
    }
}
