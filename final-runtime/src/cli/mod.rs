//! The command line: one file a verb.

mod check;
mod commit;
mod cp;
mod diff;
mod exec;
mod export;
mod history;
mod images;
mod import;
mod info;
mod inspect;
mod kill;
mod load;
mod logs;
pub mod oci;
mod pause;
mod prune;
mod ps;
mod pull;
mod rm;
mod rmi;
mod run;
mod save;
mod stats;
mod stop;
mod tag;
mod unpause;
mod update;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use step07::signals::default_sigpipe;

use crate::{storage::Choice, store::Store};

/// Run containers: six namespaces, control groups, a union file system.
#[derive(Parser)]
#[command(name = "final-runtime", bin_name = "final-runtime", version = oci::VERSION, max_term_width = 100,
    after_help = "Of containers that are made of bundles it has runc's verbs too: create, start, state, kill,\n\
                  delete, run --bundle, exec, ps, list, pause, resume, update, events, spec, features.\n\
                  See `final-runtime create --help` and so on.")]
pub struct Cli {
    /// Where containers and images are kept [default: /var/lib/final-runtime, or in your home]
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,

    /// How file systems are kept [default: the one in use, or the best that this host can do]
    #[arg(long, global = true, value_name = "DRIVER")]
    storage_driver: Option<Choice>,

    /// What is asked of the storage driver, as in dm.basesize=20g; may be given more than once
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    storage_opt: Vec<String>,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Run(Box<run::Args>),
    Exec(exec::Args),
    Ps(ps::Args),
    Stats(stats::Args),
    Update(Box<update::Args>),
    Logs(logs::Args),
    Stop(stop::Args),
    Kill(kill::Args),
    Pause(pause::Args),
    Unpause(unpause::Args),
    Rm(rm::Args),
    Inspect(inspect::Args),
    Images(images::Args),
    Pull(pull::Args),
    Import(import::Args),
    Commit(commit::Args),
    Diff(diff::Args),
    Export(export::Args),
    Cp(cp::Args),
    Load(load::Args),
    Save(save::Args),
    Tag(tag::Args),
    Rmi(rmi::Args),
    History(history::Args),
    Prune(prune::Args),
    Info(info::Args),
    Check(check::Args),
}

impl Cli {
    /// Does what was asked, and says with which code the program is to end.
    pub fn run(self) -> Result<u8> {
        let Self { root, storage_driver, storage_opt, .. } = &self;
        let store = Store::open(root.as_deref(), *storage_driver, storage_opt.clone())?;
        if !matches!(self.verb, Verb::Run(_) | Verb::Exec(_)) {
            default_sigpipe()?; // these only print: with nobody to read it they may end
        }
        match self.verb {
            Verb::Run(args) => args.run(&store),
            Verb::Exec(args) => args.run(&store),
            Verb::Ps(args) => args.run(&store),
            Verb::Stats(args) => args.run(&store),
            Verb::Update(args) => args.run(&store),
            Verb::Logs(args) => args.run(&store),
            Verb::Stop(args) => args.run(&store),
            Verb::Kill(args) => args.run(&store),
            Verb::Pause(args) => args.run(&store),
            Verb::Unpause(args) => args.run(&store),
            Verb::Rm(args) => args.run(&store),
            Verb::Inspect(args) => args.run(&store),
            Verb::Images(args) => args.run(&store),
            Verb::Pull(args) => args.run(&store),
            Verb::Import(args) => args.run(&store),
            Verb::Commit(args) => args.run(&store),
            Verb::Diff(args) => args.run(&store),
            Verb::Export(args) => args.run(&store),
            Verb::Cp(args) => args.run(&store),
            Verb::Load(args) => args.run(&store),
            Verb::Save(args) => args.run(&store),
            Verb::Tag(args) => args.run(&store),
            Verb::Rmi(args) => args.run(&store),
            Verb::History(args) => args.run(&store),
            Verb::Prune(args) => args.run(&store),
            Verb::Info(args) => args.run(&store),
            Verb::Check(args) => args.run(&store),
        }
    }
}

/// Does the same to each of several containers; one that fails does not stop the others. The
/// names of those done are printed; the first error is returned, others are printed.
fn each(names: &[String], mut act: impl FnMut(&str) -> Result<()>) -> Result<u8> {
    let mut result = Ok(0);
    for name in names {
        match act(name) {
            Ok(()) => println!("{name}"),
            Err(error) if result.is_ok() => result = Err(error),
            Err(error) => eprintln!("final-runtime: {error:#}"),
        }
    }
    result
}

/// Prints rows under a heading.
fn table(all: &[Vec<String>]) {
    rows(all).iter().for_each(|line| println!("{line}"));
}

/// Rows under a heading as lines, each column as wide as its widest cell.
fn rows(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).filter_map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("   ").trim_end().to_string()
    };
    rows.iter().map(line).collect()
}

/// How long ago a record's moment was, in its largest unit: `5 minutes`.
fn ago(moment: &str) -> String {
    let Ok(moment) = humantime::parse_rfc3339(moment) else {
        return "unknown".into();
    };
    let seconds = moment.elapsed().map_or(0, |past| past.as_secs());
    let units = [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];
    let (unit, size) =
        units.into_iter().find(|(_, size)| seconds >= *size).unwrap_or(("second", 1));
    let count = seconds / size;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// The same as a column says it; what is not known, or from before there were records, is so told.
fn age(moment: Option<&str>) -> String {
    match moment.map(ago).as_deref() {
        None | Some("unknown") => "unknown".into(),
        Some(time) => format!("{time} ago"),
    }
}

/// Bytes, as people read them.
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// At most `longest` characters, without control characters that would act on the terminal.
fn shorten(text: &str, longest: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.chars().count() <= longest {
        return clean;
    }
    clean.chars().take(longest - 1).chain(['…']).collect()
}
