//! Verbs about processes and signals.

use std::{
    ffi::OsString,
    fs,
    io::{Error, Write, stdout},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, ExitCode},
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
        "show-args" => show_args(args),
        "trap" => trap(args),
        "wait" => wait(),
        "count-signals" => count_signals(args),
        "orphans" => orphans(args),
        "fork-bomb" => fork_bomb(args),
        "background" => background(args),
        "orphan" => orphan(args),
        "nap" => nap(args),
        "seq" => sequence(args),
        "exec" => exec(args),
        "in-user-namespace" => in_user_namespace(args),
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
    say("ready");
    nap(args)
}

/// `nap SECONDS`: the same in silence.
fn nap(args: &[OsString]) -> Result<ExitCode> {
    let seconds = text(args, 0, "the seconds")?;
    let seconds: f64 = seconds.parse().map_err(|_| format!("not a number: {seconds}"))?;
    sleep(Duration::from_secs_f64(seconds));
    Ok(ExitCode::SUCCESS)
}

fn echo(args: &[OsString]) -> Result<ExitCode> {
    let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
    println!("{}", words.join(" "));
    Ok(ExitCode::SUCCESS)
}

/// `show-args ARGS…`: prints them as a list.
fn show_args(args: &[OsString]) -> Result<ExitCode> {
    println!("{}", Json::list(args.iter().map(|arg| Json::from(arg.as_os_str()))));
    Ok(ExitCode::SUCCESS)
}

/// `trap [BUT]`: prints `ready`, waits for a signal, prints `got N` and exits with 40+N (or 40 if that
/// is no exit code). News of children is left alone, and the signal BUT.
fn trap(args: &[OsString]) -> Result<ExitCode> {
    let but = if args.is_empty() { 17 } else { number(args, 0, "the signal")? };
    let mut set = sys::SigSet([0; 16]);
    // SAFETY: the set lives through the calls, which ask for no further information.
    let signal = unsafe {
        sys::sigfillset(&raw mut set);
        set.0[0] &= !(1 << (17 - 1) | 1 << (but - 1)); // SIGCHLD, and the other
        sys::sigprocmask(0, &raw const set, std::ptr::null_mut());
        say("ready");
        // Who was frozen in the meantime is woken without a signal (EINTR).
        loop {
            match sys::sigwaitinfo(&raw const set, std::ptr::null_mut()) {
                -1 => {}
                signal => break signal,
            }
        }
    };
    say(&format!("got {signal}"));
    Ok(ExitCode::from(u8::try_from(40 + signal).unwrap_or(40)))
}

/// `count-signals SECONDS`: prints `ready`, and after that time the list of the signals that have
/// arrived, one by one.
fn count_signals(args: &[OsString]) -> Result<ExitCode> {
    let seconds = text(args, 0, "the seconds")?;
    let seconds: f64 = seconds.parse().map_err(|_| format!("not a number: {seconds}"))?;
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut set = sys::SigSet([0; 16]);
    // SAFETY: the set lives through the calls.
    unsafe {
        sys::sigfillset(&raw mut set);
        sys::sigprocmask(0, &raw const set, std::ptr::null_mut());
    }
    say("ready");
    let mut arrived = Vec::new();
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        let patience = [left.as_secs() as i64, left.subsec_nanos().into()];
        // SAFETY: the set and the time live through the call; no information is asked for.
        let signal =
            unsafe { sys::sigtimedwait(&raw const set, std::ptr::null_mut(), patience.as_ptr()) };
        if signal > 0 {
            arrived.push(signal);
        }
    }
    println!("{}", Json::list(arrived));
    Ok(ExitCode::SUCCESS)
}

/// `wait`: prints `ready` and goes on when SIGUSR1 comes.
fn wait() -> Result<ExitCode> {
    let mut set = sys::SigSet([0; 16]);
    set.0[0] = 1 << (10 - 1);
    // SAFETY: the set lives through the calls, which ask for no further information.
    unsafe {
        sys::sigprocmask(0, &raw const set, std::ptr::null_mut());
        say("ready");
        sys::sigwaitinfo(&raw const set, std::ptr::null_mut());
        sys::sigprocmask(1, &raw const set, std::ptr::null_mut());
    }
    Ok(ExitCode::SUCCESS)
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

/// Processes of this PID namespace that have ended and that nobody has waited for, by number.
fn zombies() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let own = namespace("self");
    pids.filter(|pid| {
        if namespace(&pid.to_string()) != own {
            return false;
        }
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

/// `orphan VERB ARGS…`: a grandchild does it, whose parent is gone by then.
fn orphan(args: &[OsString]) -> Result<ExitCode> {
    // SAFETY: this process has one thread; the child only forks and ends.
    unsafe {
        let child = sys::check(sys::fork()).map_err(|error| failed("fork", &error))?;
        if child == 0 {
            if sys::fork() != 0 {
                sys::_exit(0);
            }
            sleep(Duration::from_millis(20));
            return crate::run(args);
        }
        sys::waitpid(child as i32, std::ptr::null_mut(), 0);
    }
    Ok(ExitCode::SUCCESS)
}

/// `seq A… -- B… -- C…`: one after another, in this process; ends at the first that fails. `exec`
/// takes all that is left.
fn sequence(args: &[OsString]) -> Result<ExitCode> {
    let mut rest = args;
    while !rest.is_empty() {
        let end = rest.iter().position(|word| word == "--").filter(|_| rest[0] != "exec");
        let end = end.unwrap_or(rest.len());
        let words = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        let code = crate::run(words)?;
        let _ = stdout().flush();
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `exec CMD…`: becomes another program.
fn exec(args: &[OsString]) -> Result<ExitCode> {
    let (program, args) = args.split_first().ok_or("the program is missing")?;
    let error = Command::new(program).args(args).exec();
    Err(failed(Path::new(program).display(), &error))
}

/// `in-user-namespace VERB ARGS…`: as root of a new user namespace.
fn in_user_namespace(args: &[OsString]) -> Result<ExitCode> {
    // SAFETY: they take nothing.
    let (user, group) = unsafe { (sys::geteuid(), sys::getegid()) };
    // SAFETY: it takes a number.
    sys::check(unsafe { sys::unshare(0x1000_0000) }).map_err(|error| failed("unshare", &error))?;
    fs::write("/proc/self/setgroups", "deny")
        .and_then(|()| fs::write("/proc/self/uid_map", format!("0 {user} 1")))
        .and_then(|()| fs::write("/proc/self/gid_map", format!("0 {group} 1")))
        .map_err(|error| failed("mapping ids", &error))?;
    crate::run(args)
}

/// Prints a line at once, whatever standard output is.
pub fn say(line: &str) {
    println!("{line}");
    let _ = stdout().flush();
}
