//! `run -it`.

use std::{thread::sleep, time::Duration};

use anyhow::{Context, Result};
use conformance::{Running, Sandbox, expect};

use crate::scene::run;

/// Reads on until a line begins like this.
fn line_of(running: &mut Running, start: &str) -> Result<String> {
    for _ in 0..100 {
        let line = running.line()?;
        if let Some(at) = line.find(start) {
            return Ok(line[at..].trim().to_string());
        }
    }
    Err(anyhow::anyhow!("no line begins with {start}"))
}

pub fn a_terminal_has_a_size_and_job_control(sandbox: &Sandbox) -> Result<()> {
    let script = "stty size; trap 'echo SIZE $(stty size)' WINCH; echo READY; \
                  while :; do sleep 0.1; done";
    let flags = ["--rm", "-it", "base", "sh", "-c", script];
    let mut running = run(sandbox, &flags).terminal().spawn()?;
    line_of(&mut running, "READY")?;
    running.resize(33, 99)?;
    let size = line_of(&mut running, "SIZE")?;
    expect::equal("the size", &size, "SIZE 33 99", "ioctl_tty(2)")?;
    // Process 1 of a container has the trap of its own that Ctrl-C needs.
    running.signal(nix::sys::signal::Signal::SIGKILL)?;
    drop(running);

    let script = "trap 'echo INTERRUPTED; exit 4' INT; echo READY; while :; do sleep 0.1; done";
    let flags = ["--rm", "-it", "base", "sh", "-c", script];
    let mut running = run(sandbox, &flags).terminal().spawn()?;
    line_of(&mut running, "READY")?;
    running.type_in("\x03")?;
    line_of(&mut running, "INTERRUPTED").context("after Ctrl-C")?;
    running.wait()?.code(4).map(drop)
}

pub fn the_terminal_is_the_console(sandbox: &Sandbox) -> Result<()> {
    let flags = ["--rm", "-it", "base", "sh"];
    let mut running = run(sandbox, &flags).terminal().spawn()?;
    sleep(Duration::from_millis(300));
    running.type_in("echo to-the-console > /dev/console; tty; exit 3\n")?;
    line_of(&mut running, "to-the-console\r").or_else(|_| line_of(&mut running, "/dev/pts/0"))?;
    running.wait()?.code(3).map(drop)
}
