//! `verify`: what CI runs, so that no exercise is wrong about itself.
//!
//! Every solution passes its checkpoints. Every blank compiles, and what fails because of it names
//! it. Every wrong answer compiles, and a checkpoint says of it what it should. All of this happens
//! in copies of the workspace, each with a target directory of its own: nothing is touched here.
//!
//! | file | subject |
//! | --- | --- |
//! | `written.rs` | what can be seen without building anything |
//! | `answer.rs` | wrong answers, and what is to be said of them |
//! | `worker.rs` | building and judging one exercise after another in a copy |
//! | `queue.rs` | which worker takes which exercise |

mod answer;
mod queue;
mod worker;
mod written;

use std::{
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use anyhow::{Result, anyhow};

use crate::{
    Usage, paint,
    tree::{Chosen, Tree},
};
use queue::Queue;
use worker::Worker;

#[derive(clap::Args)]
pub struct Args {
    /// Steps or exercises [default: all]
    what: Vec<Chosen>,

    /// How many are looked at side by side [default: as many as there are processors]
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,

    /// Only what can be seen without building anything
    #[arg(long)]
    written: bool,
}

/// What came of it.
#[derive(Debug, Default)]
struct Report {
    blanks: usize,
    caught: usize,
    /// What could not be judged on this machine.
    not_run: Vec<String>,
    failures: Vec<String>,
}

/// Whether all is as it should be.
pub fn run(tree: &Tree, args: &Args) -> Result<bool> {
    let begun = Instant::now();
    let mut chosen = Vec::new();
    for what in &args.what {
        let (step, exercises) = tree.choose(*what)?;
        chosen.extend(exercises.into_iter().map(|exercise| (step, exercise)));
    }
    if args.what.is_empty() {
        let all =
            tree.steps.iter().flat_map(|step| step.exercises.iter().map(move |one| (step, one)));
        chosen.extend(all);
    }
    let mut report = Report { failures: written::faults(tree)?, ..Report::default() };
    let count = chosen.len();
    if !args.written && count > 0 {
        let jobs =
            args.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        if jobs == 0 {
            return Err(Usage("--jobs 0: nobody would do it".into()).into());
        }
        judge(tree, &Queue::new(chosen, jobs), jobs, &mut report)?;
    }
    Ok(tell(&report, count, (!args.written).then_some(begun)))
}

/// Has workers judge all exercises of the queue.
fn judge(tree: &Tree, queue: &Queue, jobs: usize, report: &mut Report) -> Result<()> {
    let shared = Mutex::new(std::mem::take(report));
    let result = thread::scope(|scope| {
        let work = |number: usize| {
            let shared = &shared;
            scope.spawn(move || -> Result<()> {
                let Some(mut next) = queue.next(number) else { return Ok(()) };
                let mut worker = Worker::new(tree, number)?;
                loop {
                    let (step, exercise) = next;
                    let found = worker.judge(step, exercise)?;
                    let mut report = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    report.blanks += found.blanks;
                    report.caught += found.caught;
                    report.not_run.extend(found.not_run);
                    report.failures.extend(found.failures);
                    drop(report);
                    match queue.next(number) {
                        Some(more) => next = more,
                        None => return worker.finish(),
                    }
                }
            })
        };
        let workers: Vec<_> = (0..jobs).map(work).collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined
            .map(|result| result.unwrap_or_else(|_| Err(anyhow!("a worker panicked"))))
            .collect::<Vec<_>>()
    });
    *report = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    result.into_iter().collect()
}

/// `begun` is when building and running them was, if they were.
fn tell(report: &Report, exercises: usize, begun: Option<Instant>) -> bool {
    let mut failures = report.failures.clone();
    failures.sort();
    failures.dedup();
    for failure in &failures {
        println!("{} {}", paint::bad("✗"), failure.trim_end().replace('\n', "\n    "));
    }
    let mut not_run = report.not_run.clone();
    not_run.sort();
    not_run.dedup();
    for why in &not_run {
        println!("{} {why}", paint::odd("–"));
    }
    let Some(begun) = begun else {
        println!("{exercises} exercises, not built: {} faults", failures.len());
        return failures.is_empty();
    };
    let time = begun.elapsed().as_secs();
    println!(
        "{exercises} exercises: {} blanks fail as they should, {} wrong answers are caught; \
         {} faults, {} not run; {} min {} s",
        report.blanks,
        report.caught,
        failures.len(),
        not_run.len(),
        time / 60,
        time % 60
    );
    failures.is_empty()
}
