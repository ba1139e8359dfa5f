//! `ps`: the containers.

use anyhow::Result;

use super::{ago, table};
use crate::{
    lifecycle::{containers::Container, record::State},
    store::Store,
};

/// List containers
#[derive(clap::Args)]
pub struct Args {
    /// Also those that do not run
    #[arg(short, long)]
    all: bool,

    /// Ids alone
    #[arg(short, long)]
    quiet: bool,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let mut containers = store.containers.all()?;
        containers.retain(|container| self.all || container.pid().is_some());
        if self.quiet {
            containers.iter().for_each(|container| println!("{}", container.config.id));
            return Ok(0);
        }
        let heading = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAME"];
        let mut rows = vec![heading.map(String::from).to_vec()];
        rows.extend(containers.iter().map(row));
        table(&rows);
        Ok(0)
    }
}

fn row(container: &Container) -> Vec<String> {
    let config = &container.config;
    vec![
        config.id.clone(),
        config.image.clone(),
        shorten(&config.args.join(" "), 30),
        format!("{} ago", ago(&config.created)),
        status(container),
        config.ports.join(", "),
        config.name.clone(),
    ]
}

fn status(container: &Container) -> String {
    match &container.state {
        State::Created => "Created".into(),
        State::Running { started, .. } if container.pid().is_some() => {
            format!("Up {}", ago(started))
        }
        State::Running { .. } => "Exited (its runtime was killed)".into(),
        State::Exited { code, finished, .. } => format!("Exited ({code}) {} ago", ago(finished)),
    }
}

/// At most `longest` characters, without control characters that would act on the terminal.
fn shorten(text: &str, longest: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.chars().count() <= longest {
        return clean;
    }
    clean.chars().take(longest - 1).chain(['…']).collect()
}
