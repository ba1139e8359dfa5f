//! `scene HOOK-LAYER FAULT CMD…`: a container of three layers, `low`, `middle` and `high`, that do
//! nothing but say which of their hooks is called.
//!
//! It shows what the driver does: `scene - none true` tells a container's life from `prepare` to
//! `release`, and `scene enter-middle error true` what becomes of it if a hook fails.

use std::{process::ExitCode, thread::sleep, time::Duration};

use anyhow::{Result, bail};
use nix::{
    errno::Errno,
    sys::{
        prctl::set_pdeathsig,
        signal::{Signal, kill, raise},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};
use step01::{Container, Explain, Failure, Layer, Process, Side, Stack};

/// A layer that tells each of its hooks, and does `fault`, once, in the hook `at`.
struct Telling {
    name: &'static str,
    at: String,
    fault: String,
}

impl Telling {
    fn tell(&mut self, hook: &str) -> Result<()> {
        println!("{hook} {}", self.name);
        if self.at != format!("{hook}-{}", self.name) {
            return Ok(());
        }
        match std::mem::take(&mut self.fault).as_str() {
            "" | "none" => Ok(()),
            "error" => bail!("making trouble"),
            "failure" => Err(Failure::new(126, "a failure with a code of its own").into()),
            "panic" => panic!("in trouble"),
            "SIGTERM" => Ok(raise(Signal::SIGTERM)?),
            "SIGKILL" => Ok(raise(Signal::SIGKILL)?),
            "slow" => {
                sleep(Duration::from_millis(200));
                Ok(())
            }
            "hang" => loop {
                sleep(Duration::from_secs(1));
            },
            "forget" => Ok(set_pdeathsig(None)?), // as a change of user does
            fault => bail!("nobody knows the fault {fault}"),
        }
    }
}

impl Layer for Telling {
    fn name(&self) -> &'static str {
        self.name
    }
    fn prepare(&mut self, _: &Explain) -> Result<()> {
        self.tell("prepare")
    }
    fn attach(&mut self, _: &Explain, child: Pid) -> Result<()> {
        kill(child, None)?; // it lives
        self.tell("attach")
    }
    fn enter(&mut self, _: &Explain) -> Result<()> {
        self.tell("enter")
    }
    fn release(&mut self, _: &Explain) -> Result<()> {
        self.tell("release")
    }
}

/// A layer whose command goes on in a sibling of the container's first process.
struct Reborn;

impl Layer for Reborn {
    fn name(&self) -> &'static str {
        "reborn"
    }
    fn joins(&self) -> bool {
        true
    }
    fn join(&mut self, _: &Explain) -> Result<()> {
        println!("first {}", std::process::id());
        Ok(())
    }
    fn attach(&mut self, _: &Explain, child: Pid) -> Result<()> {
        println!("attached {child}");
        Ok(())
    }
    fn enter(&mut self, _: &Explain) -> Result<()> {
        println!("entered");
        Ok(())
    }
    fn meets(&self) -> bool {
        true
    }
    fn meet(&mut self, _: &Explain, child: Pid) -> Result<()> {
        println!("met {child}");
        Ok(())
    }
}

/// A child that is left, be it a zombie, is told of.
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [at, fault, command @ ..] = &args[..] else {
        eprintln!("scene HOOK-LAYER FAULT CMD…");
        return ExitCode::from(99);
    };
    let mut stack = Stack::default();
    if at == "reborn" {
        stack.bottom(Reborn);
    }
    for name in ["low", "middle", "high"] {
        stack.top(Telling { name, at: at.clone(), fault: fault.clone() });
    }
    let mut process = Process::new(command.iter().map(Into::into).collect());
    process.preserve_fds = u32::from(at == "preserve");
    let mut container = Container::new(process, Explain::new(false));
    container.stack = stack;
    container.when_ended(|stack, explain| {
        explain.at(Side::Host, "").say("");
        println!("ended {}", stack.names().join(" "));
        Ok(())
    });
    let result = container.run();
    if waitpid(None, Some(WaitPidFlag::WNOHANG)) != Err(Errno::ECHILD) {
        println!("a child is left");
    }
    match result {
        Ok(status) => ExitCode::from(status.code()),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(Failure::code_of(&error))
        }
    }
}
