//! Verbs that use up what a control group limits.

use std::{
    ffi::OsString,
    process::ExitCode,
    time::{Duration, Instant},
};

use crate::{Result, number, process::say, text};

pub fn run(verb: &str, args: &[OsString]) -> Option<Result<ExitCode>> {
    Some(match verb {
        "eat-memory" => eat_memory(args),
        "burn" => burn(args),
        _ => return None,
    })
}

/// `eat-memory MIB`: takes memory and touches it, a MiB at a time; prints `ate N` at the end.
fn eat_memory(args: &[OsString]) -> Result<ExitCode> {
    const MIB: usize = 1 << 20;
    let count = number(args, 0, "the MiB")?;
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    for _ in 0..count {
        // Not zero, or the kernel would lend the same page of zeros again and again.
        eaten.push(vec![0xa5; MIB]);
    }
    let sum: usize = eaten.iter().map(|mib| usize::from(std::hint::black_box(mib)[0] / 0xa5)).sum();
    say(&format!("ate {sum}"));
    Ok(ExitCode::SUCCESS)
}

/// `burn SECONDS`: keeps one processor busy that long, and prints the processor time that it got.
fn burn(args: &[OsString]) -> Result<ExitCode> {
    let seconds = text(args, 0, "the seconds")?;
    let seconds: f64 = seconds.parse().map_err(|_| format!("not a number: {seconds}"))?;
    let begun = Instant::now();
    let mut rounds = 0u64;
    while begun.elapsed() < Duration::from_secs_f64(seconds) {
        rounds = std::hint::black_box(rounds + 1);
    }
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let words: Vec<_> =
        stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |index: usize| words.get(index).and_then(|word| word.parse::<u64>().ok());
    let milliseconds = (ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0)) * 10;
    println!("{{\"milliseconds\":{milliseconds}}}");
    Ok(ExitCode::SUCCESS)
}
