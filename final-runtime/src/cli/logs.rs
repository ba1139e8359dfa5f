//! `logs`: what a container said.

use std::{
    collections::VecDeque,
    io::{BufWriter, Stdout, Write, stderr, stdout},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{
    lifecycle::{
        container::{Condition, Container},
        log::{Entry, Reader},
    },
    store::Store,
};

/// How often `--follow` looks for more.
const INTERVAL: Duration = Duration::from_millis(50);

/// Print what a container has said
#[derive(clap::Args)]
pub struct Args {
    /// Go on until the container ends
    #[arg(short, long)]
    follow: bool,

    /// Begin with the last N entries
    #[arg(short = 'n', long, value_name = "N")]
    tail: Option<usize>,

    /// Show when each was said
    #[arg(short, long)]
    timestamps: bool,

    /// Name, id, or the beginning of an id
    container: String,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let container = store.containers.find(&self.container)?;
        let mut log = Reader::open(&container.dir.join("log.json"))?;
        let mut out = Out { stdout: BufWriter::new(stdout()), timestamps: self.timestamps };
        match self.tail {
            Some(most) => last(most, &mut log)?.iter().try_for_each(|entry| out.print(entry))?,
            None => out.print_new(&mut log)?,
        }
        if self.follow {
            follow(container, &mut log, &mut out)?;
        }
        out.flush()?;
        Ok(0)
    }
}

/// The last entries of those that there are now.
fn last(most: usize, log: &mut Reader) -> Result<VecDeque<Entry>> {
    let mut entries = VecDeque::new();
    while let Some(entry) = log.next()? {
        entries.push_back(entry);
        if entries.len() > most {
            entries.pop_front();
        }
    }
    Ok(entries)
}

/// Prints what comes until the container has ended.
fn follow(mut container: Container, log: &mut Reader, out: &mut Out) -> Result<()> {
    loop {
        // Asked before the last look, or what it says in between would be lost.
        let over = match Container::load(container.dir.clone()) {
            Ok(now) => {
                container = now;
                matches!(container.condition(), Condition::Exited | Condition::Lost)
            }
            Err(_) => true, // removed, as with --rm
        };
        out.print_new(log)?;
        out.flush()?;
        if over {
            return Ok(());
        }
        sleep(INTERVAL);
    }
}

struct Out {
    stdout: BufWriter<Stdout>,
    timestamps: bool,
}

impl Out {
    fn print_new(&mut self, log: &mut Reader) -> Result<()> {
        while let Some(entry) = log.next()? {
            self.print(&entry)?;
        }
        Ok(())
    }

    fn print(&mut self, entry: &Entry) -> Result<()> {
        let mut text = Vec::new();
        if self.timestamps {
            text.extend(format!("{} ", entry.time).into_bytes());
        }
        text.extend(entry.bytes());
        match entry.stream.as_str() {
            "stderr" => {
                self.flush()?; // where both streams are one terminal the order stays
                stderr().write_all(&text)
            }
            _ => self.stdout.write_all(&text),
        }
        .context("logs: printing")
    }

    fn flush(&mut self) -> Result<()> {
        self.stdout.flush().context("logs: printing")
    }
}
