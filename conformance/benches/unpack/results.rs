//! Times, as a table.

use std::fmt::Write as _;

use crate::{layer::Layer, measured};

/// The times of each layer, round by round: tar, ours, umoci, in seconds.
#[derive(Default)]
pub struct Results(Vec<(String, Vec<[f64; 3]>)>);

impl Results {
    /// One round's.
    pub fn put(&mut self, layer: &Layer, times: [f64; 3]) {
        let told = layer.told();
        match self.0.last_mut() {
            Some((name, rounds)) if *name == told => rounds.push(times),
            _ => self.0.push((told, vec![times])),
        }
    }

    /// Medians. Those of ratios are of the ratios round by round: what else the machine had to do
    /// meanwhile is in both.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "| layer | `tar xzf` | `final-runtime` | `umoci unpack` | tar / ours | umoci / ours |\n\
             | --- | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for (layer, rounds) in &self.0 {
            let ms = |which: usize| median(rounds.iter().map(|times| times[which] * 1e3));
            let ratio = |which: usize| median(rounds.iter().map(|times| times[which] / times[1]));
            let _ = writeln!(
                text,
                "| {layer} | {:.0} ms | {:.0} ms | {:.0} ms | {:.2} | {:.2} |",
                ms(0),
                ms(1),
                ms(2),
                ratio(0),
                ratio(2)
            );
        }
        let (kernel, machine) = (measured::kernel(), measured::machine());
        let _ = write!(
            text,
            "\nMedians of {} rounds, in tmpfs, by `cargo bench -p conformance --bench unpack` on \
             Linux {kernel}, {machine}.\n",
            self.0.first().map_or(0, |(_, rounds)| rounds.len())
        );
        text
    }
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
