//! `ps`: the containers.

use std::io::{Write, stderr};

use anyhow::Result;

use super::{ago, shorten, table};
use crate::{
    lifecycle::{
        container::{Condition, Container},
        record::State,
    },
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
        let (containers, damaged) = store.containers.all()?;
        for error in damaged {
            let _ = writeln!(stderr(), "final-runtime: {error:#}");
        }
        let with_condition = containers.iter().map(|container| (container, container.condition()));
        let runs = |condition| matches!(condition, Condition::Up | Condition::Paused);
        let shown = with_condition.filter(|(_, condition)| self.all || runs(*condition));
        if self.quiet {
            shown.for_each(|(container, _)| println!("{}", container.config.id));
            return Ok(0);
        }
        let heading = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAME"];
        let mut rows = vec![heading.map(String::from).to_vec()];
        rows.extend(shown.map(|(container, condition)| row(container, condition)));
        table(&rows);
        Ok(0)
    }
}

fn row(container: &Container, condition: Condition) -> Vec<String> {
    let config = &container.config;
    vec![
        config.id.clone(),
        config.image.clone(),
        shorten(&config.args.join(" "), 30),
        format!("{} ago", ago(&config.created)),
        status(&container.state, condition),
        config.ports.join(", "),
        config.name.clone(),
    ]
}

fn status(state: &State, condition: Condition) -> String {
    match (condition, state) {
        (Condition::Up, State::Running { started, .. }) => format!("Up {}", ago(started)),
        (Condition::Paused, State::Running { started, .. }) => {
            format!("Up {} (Paused)", ago(started))
        }
        (Condition::Exited, State::Exited { code, finished, .. }) => {
            format!("Exited ({code}) {} ago", ago(finished))
        }
        (Condition::Ending, _) => "Ending".into(),
        (Condition::Lost, _) => "Exited (its runtime was killed)".into(),
        _ => "Starting".into(),
    }
}
