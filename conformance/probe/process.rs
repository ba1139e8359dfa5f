//! Verbs about processes and signals.

use std::{
    ffi::OsString,
    fs,
    io::{Error, Write, stdout},
    process::ExitCode,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{Result, failed, json::Json, number, sys, text};

pub fn run(verb: &str, args: &[OsString]) -> Option<Result<ExitCode>> {
    Some(match verb {
        "exit" => exit(args),
        "signal" => kill_self(args),
        "sleep" => sleep_for(args),
        "echo" => echo(args),
        "trap" => trap(),
        "orphans" => orphans(args),
        "fork-bomb" => fork_bomb(args),
        "background" => background(args),
        "seq" => sequence(args),
        _ => return None,
    })
}

/// `exit N`
fn exit(args: &[OsString]) -> Result<ExitCode> {
    let code = number(args, 0, "the exit code")?;
    Ok(ExitCode::from(u8::try_from(code).map_err(|_| format!("{code} is no exit code"))?))
}

/// `signal N`: dies by signal N, if that is possible; otherwise prints `survived`.
fn kill_self(args: &[OsString]) -> Result<ExitCode> {
    let signal = number(args, 0, "the signal")? as i32;
    // SAFETY: both calls take numbers.
    sys::check(unsafe { sys::kill(std::process::id() as i32, signal) })
        .map_err(|error| failed("kill", &error))?;
    println!("survived");
    Ok(ExitCode::SUCCESS)
}

/// `sleep SECONDS`: prints `ready` first.
fn sleep_for(args: &[OsString]) -> Result<ExitCode> {
    let seconds = text(args, 0, "the seconds")?;
    let seconds: f64 = seconds.parse().map_err(|_| format!("not a number: {seconds}"))?;
    say("ready");
    sleep(Duration::from_secs_f64(seconds));
    Ok(ExitCode::SUCCESS)
}

fn echo(args: &[OsString]) -> Result<ExitCode> {
    let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
    println!("{}", words.join(" "));
    Ok(ExitCode::SUCCESS)
}

/// `trap`: prints `ready`, waits for a signal, prints `got N` and exits with 40+N (or 40 if that
/// is no exit code). News of children is left alone.
fn trap() -> Result<ExitCode> {
    let mut set = sys::SigSet([0; 16]);
    // SAFETY: the set lives through the calls, which ask for no further information.
    let signal = unsafe {
        sys::sigfillset(&raw mut set);
        set.0[0] &= !(1 << (17 - 1)); // SIGCHLD
        sys::sigprocmask(0, &raw const set, std::ptr::null_mut());
        say("ready");
        sys::sigwaitinfo(&raw const set, std::ptr::null_mut())
    };
    say(&format!("got {signal}"));
    Ok(ExitCode::from(u8::try_from(40 + signal).unwrap_or(40)))
}

/// `orphans N`: makes N orphans that end, then tells how many zombies `/proc` shows in its own
/// PID namespace, and how many of the orphans have come to this process as children.
fn orphans(args: &[OsString]) -> Result<ExitCode> {
    let count = number(args, 0, "the number of orphans")?;
    for _ in 0..count {
        // SAFETY: this process has one thread; the children only fork and end.
        unsafe {
            match sys::check(sys::fork()).map_err(|error| failed("fork", &error))? {
                0 => {
                    if sys::fork() == 0 {
                        sleep(Duration::from_millis(20)); // until its parent is gone
                    }
                    sys::_exit(0);
                }
                parent => sys::waitpid(parent as i32, std::ptr::null_mut(), 0),
            };
        }
    }
    // They have ended soon; whoever reaps them may need a moment more.
    let begun = Instant::now();
    let mut seen = zombies();
    while begun.elapsed() < Duration::from_millis(100)
        || (seen.len() > 0 && begun.elapsed() < Duration::from_secs(2))
    {
        sleep(Duration::from_millis(10));
        seen = zombies();
    }
    let mut adopted = 0u32;
    // SAFETY: no status is asked for.
    while unsafe { sys::waitpid(-1, std::ptr::null_mut(), 1) } > 0 {
        adopted += 1;
    }
    let seen = Json::list(seen);
    println!("{}", Json::map([("zombies", seen), ("adopted", adopted.into())]));
    Ok(ExitCode::SUCCESS)
}

/// Processes that have ended and that nobody has waited for, by number.
fn zombies() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
    })
    .collect()
}

/// `fork-bomb MAX`: forks sleeping children until it is refused or there are MAX; kills them.
fn fork_bomb(args: &[OsString]) -> Result<ExitCode> {
    let most = number(args, 0, "the number of children")? as usize;
    let mut children = Vec::new();
    let mut refusal = None;
    while children.len() < most {
        // SAFETY: this process has one thread; the child only sleeps.
        match unsafe { sys::fork() } {
            0 => loop {
                sleep(Duration::from_secs(1));
            },
            -1 => {
                refusal = Some(sys::error_name(&Error::last_os_error()));
                break;
            }
            child => children.push(child),
        }
    }
    for child in &children {
        // SAFETY: both calls take numbers; no status is asked for.
        unsafe {
            sys::kill(*child, 9);
            sys::waitpid(*child, std::ptr::null_mut(), 0);
        }
    }
    let forks = children.len() as u64;
    println!("{}", Json::map([("forks", forks.into()), ("refusal", refusal.into())]));
    Ok(ExitCode::SUCCESS)
}

/// `background VERB ARGS…`: forks a child that does it in a session of its own, and prints its
/// number. The child outlives this process.
fn background(args: &[OsString]) -> Result<ExitCode> {
    // SAFETY: this process has one thread.
    match unsafe { sys::check(sys::fork()).map_err(|error| failed("fork", &error))? } {
        0 => {
            // SAFETY: it takes nothing.
            unsafe { sys::setsid() };
            crate::run(args)
        }
        child => {
            println!("{child}");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// `seq A… -- B… -- C…`: one after another, in this process; ends at the first that fails.
fn sequence(args: &[OsString]) -> Result<ExitCode> {
    for words in args.split(|word| word == "--") {
        let code = crate::run(words)?;
        let _ = stdout().flush();
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a line at once, whatever standard output is.
pub fn say(line: &str) {
    println!("{line}");
    let _ = stdout().flush();
}
