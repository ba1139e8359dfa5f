//! Verbs that use up what a control group limits.

use std::{
    ffi::OsString,
    fs::File,
    io::{Error, Read, Write},
    os::unix::fs::OpenOptionsExt,
    process::ExitCode,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{Result, arg, failed, json::Json, number, process::say, sys, text};

pub fn run(verb: &str, args: &[OsString]) -> Option<Result<ExitCode>> {
    Some(match verb {
        "eat-memory" => eat_memory(args),
        "eat-huge" => eat_huge(args),
        "burn" => burn(args),
        "burn-in-kernel" => burn_in_kernel(args),
        "on-cpu" => on_cpu(args),
        "read-direct" => direct(args, |file, block| file.read_exact(block)),
        "write-direct" => direct(args, |file, block| file.write_all(block)),
        _ => return None,
    })
}

/// `eat-memory MIB [SECONDS]`: takes memory and touches it, a MiB at a time; prints `ate N` at the
/// end, and keeps it for that long.
fn eat_memory(args: &[OsString]) -> Result<ExitCode> {
    const MIB: usize = 1 << 20;
    let count = number(args, 0, "the MiB")?;
    let patience = if args.len() > 1 { seconds(args, 1)? } else { Duration::ZERO };
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    for _ in 0..count {
        // Not zero, or the kernel would lend the same page of zeros again and again.
        eaten.push(vec![0xa5; MIB]);
    }
    let sum: usize = eaten.iter().map(|mib| usize::from(std::hint::black_box(mib)[0] / 0xa5)).sum();
    say(&format!("ate {sum}"));
    sleep(patience);
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
    let end = Instant::now() + seconds(args, 0)?;
    let mut rounds = 0u64;
    while Instant::now() < end {
        rounds = std::hint::black_box(rounds + 1);
    }
    print_time()
}

/// `burn-in-kernel SECONDS`: the same with calls of the kernel.
fn burn_in_kernel(args: &[OsString]) -> Result<ExitCode> {
    let end = Instant::now() + seconds(args, 0)?;
    let mut zeros = File::open("/dev/zero").map_err(|error| failed("/dev/zero", &error))?;
    let mut buffer = vec![0; 1 << 20];
    while Instant::now() < end {
        zeros.read_exact(&mut buffer).map_err(|error| failed("/dev/zero", &error))?;
    }
    print_time()
}

/// The processor time of this process so far, in all and in the kernel. See getrusage(2).
fn print_time() -> Result<ExitCode> {
    let mut usage = [0; 18];
    // SAFETY: `rusage` is two times, of two numbers each, and fourteen numbers.
    sys::check(unsafe { sys::getrusage(0, &raw mut usage) })
        .map_err(|error| failed("getrusage", &error))?;
    let [user, system] = [0, 2].map(|at| (usage[at] * 1_000_000 + usage[at + 1]) as u64);
    println!("{}", Json::map([("microseconds", (user + system).into()), ("system", system.into())]));
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

/// `on-cpu N VERB ARGS…`: on one processor.
fn on_cpu(args: &[OsString]) -> Result<ExitCode> {
    let cpu = number(args, 0, "the processor")?;
    let mask = u32::try_from(cpu).ok().and_then(|cpu| 1u64.checked_shl(cpu));
    let mask = mask.ok_or_else(|| format!("no such processor: {cpu}"))?;
    // SAFETY: the mask lives through the call.
    let done = unsafe { sys::sched_setaffinity(0, size_of_val(&mask), &raw const mask) };
    sys::check(done).map_err(|error: Error| failed("sched_setaffinity", &error))?;
    crate::run(&args[1..])
}

fn seconds(args: &[OsString], index: usize) -> Result<Duration> {
    let seconds = text(args, index, "the seconds")?;
    let parsed = seconds.parse().ok().map(Duration::try_from_secs_f64);
    parsed.and_then(|time| time.ok()).ok_or_else(|| format!("not a number: {seconds}"))
}
