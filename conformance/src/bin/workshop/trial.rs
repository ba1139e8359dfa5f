//! Running checkpoints: some tests of a test program, with a time limit.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use conformance::checkpoint::CHOSEN;
use nix::{
    sys::{
        prctl::set_pdeathsig,
        signal::{Signal, killpg},
    },
    unistd::Pid,
};

use crate::results::{self, Verdict};

/// How long a set of checkpoints may take: what hangs a test's own limit ends, long before.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs these tests of a test program, as cargo would, in the package's folder.
pub fn run(program: &Path, folder: &Path, tests: &[&str]) -> Result<Vec<(String, Verdict)>> {
    let mut command = Command::new(program);
    command.current_dir(folder).env(CHOSEN, tests.join(",")).args(["--color", "never"]);
    command.env("INSTA_UPDATE", "no"); // what differs is told, and nothing is written beside it
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let die_with_us = || Ok(set_pdeathsig(Signal::SIGKILL)?);
    // SAFETY: one system call, and no allocation, between fork and exec.
    unsafe { command.pre_exec(die_with_us) };
    let child = command.process_group(0).spawn();
    let mut group = Group(child.with_context(|| format!("running {}", program.display()))?);
    let output = group.0.stdout.take().context("no standard output")?;
    let (send, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        lines.try_for_each(|line| send.send(line))
    });
    let deadline = Instant::now() + LIMIT;
    let mut all = String::new();
    let mut late = false;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                all += &line;
                all.push('\n');
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                late = true;
                break;
            }
        }
    }
    drop(group);
    let mut verdicts = results::all(&all);
    for test in tests {
        if !verdicts.iter().any(|(name, _)| name == test) {
            let why = match late {
                true => format!("it did not end within {} s, and was killed", LIMIT.as_secs()),
                false => format!("{} ended before it said how this went", program.display()),
            };
            verdicts.push(((*test).to_string(), Verdict::Failed(why)));
        }
    }
    Ok(verdicts)
}

/// A process and those of its children that stay in its group; they end with this.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            // It has closed its output and is about to end, or it has not ended in time.
            let deadline = Instant::now() + Duration::from_secs(2);
            while Instant::now() < deadline && matches!(self.0.try_wait(), Ok(None)) {
                thread::sleep(Duration::from_millis(5));
            }
            let pid = i32::try_from(self.0.id()).map(Pid::from_raw);
            let _ = pid.map(|pid| killpg(pid, Signal::SIGKILL));
        }
        let _ = self.0.wait();
    }
}
