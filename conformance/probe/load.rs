//! Verbs that use up what a control group limits.

use std::{
    ffi::OsString,
    fs::File,
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    process::ExitCode,
    time::{Duration, Instant},
};

use crate::{Result, arg, failed, number, process::say, sys, text};

pub fn run(verb: &str, args: &[OsString]) -> Option<Result<ExitCode>> {
    Some(match verb {
        "eat-memory" => eat_memory(args),
        "eat-huge" => eat_huge(args),
        "burn" => burn(args),
        "read-direct" => direct(args, |file, block| file.read_exact(block)),
        "write-direct" => direct(args, |file, block| file.write_all(block)),
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

/// `eat-huge MIB [MORE-FLAGS]`: takes memory in huge pages of 2 MiB and touches it; prints `ate N` at
/// the end. The flags are those of mmap(2), as a number.
fn eat_huge(args: &[OsString]) -> Result<ExitCode> {
    const PAGE: usize = 2 << 20;
    let count = number(args, 0, "the MiB")?;
    let more = if args.len() > 1 { number(args, 1, "the flags")? } else { 0 };
    let pages = usize::try_from(count).map_err(|_| "not a size")? * (1 << 20) / PAGE;
    let memory = sys::map_huge(pages * PAGE, more).map_err(|error| failed("mmap", &error))?;
    (0..pages).for_each(|page| memory[page * PAGE] = 1);
    say(&format!("ate {}", std::hint::black_box(memory).len() >> 20));
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

/// What goes past the page cache must begin at a multiple of the disk's own blocks, also in memory.
#[repr(align(4096))]
struct Block([u8; 16 << 10]);

/// `read-direct PATH N`, `write-direct PATH N`: reads or writes so many blocks of 16 KiB from the
/// beginning of a disk, past the page cache, and prints how long it took. See O_DIRECT in open(2).
fn direct(
    args: &[OsString],
    act: fn(&mut File, &mut [u8]) -> std::io::Result<()>,
) -> Result<ExitCode> {
    let (path, count) = (arg(args, 0, "the path")?, number(args, 1, "the number of blocks")?);
    let mut block = Box::new(Block([0xa5; 16 << 10]));
    let begun = Instant::now();
    File::options()
        .read(true)
        .write(true)
        .custom_flags(sys::O_DIRECT)
        .open(path)
        .and_then(|mut disk| (0..count).try_for_each(|_| act(&mut disk, &mut block.0)))
        .map_err(|error| failed(path.display(), &error))?;
    println!("{{\"milliseconds\":{}}}", begun.elapsed().as_millis());
    Ok(ExitCode::SUCCESS)
}
