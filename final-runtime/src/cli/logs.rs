//! `logs`: what a container said.

use std::{io::Write, thread::sleep, time::Duration};

use anyhow::{Context, Result};

use crate::{
    lifecycle::{
        containers::Container,
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
        let mut entries = Vec::new();
        while let Some(entry) = log.next()? {
            entries.push(entry);
        }
        let first = self.tail.map_or(0, |tail| entries.len().saturating_sub(tail));
        entries[first..].iter().try_for_each(|entry| self.print(entry))?;
        if self.follow {
            self.go_on(&container, &mut log)?;
        }
        Ok(0)
    }

    fn go_on(&self, container: &Container, log: &mut Reader) -> Result<()> {
        loop {
            // Asked before the last look, or what it says in between would be lost.
            let ended = container.pid().is_none();
            if ended {
                container.wait_released()?;
            }
            while let Some(entry) = log.next()? {
                self.print(&entry)?;
            }
            if ended {
                return Ok(());
            }
            sleep(INTERVAL);
        }
    }

    fn print(&self, entry: &Entry) -> Result<()> {
        let time = if self.timestamps { format!("{} ", entry.time) } else { String::new() };
        let text = format!("{time}{}", entry.log);
        let written = match entry.stream.as_str() {
            "stderr" => std::io::stderr().write_all(text.as_bytes()),
            _ => std::io::stdout().write_all(text.as_bytes()),
        };
        written.context("logs: printing")
    }
}
