//! Running virtual machines, and entering into the table what they answer.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::{
        prctl::set_pdeathsig,
        signal::{Signal, kill},
    },
    unistd::Pid,
};

use crate::{
    cgroups::Layout,
    host,
    plan::{Answer, Plan},
    programs::Programs,
    results::Verdict,
    table::Table,
};

/// Programs and tests.
pub type Again = &'static [(&'static str, &'static [&'static str])];

/// A kernel that runs in a virtual machine.
pub struct Kernel {
    /// As the table names it.
    pub name: &'static str,
    /// What it runs though another kernel has: programs, each with those of its tests that are worth
    /// it, or with none for all of them.
    pub again: Again,
    /// How long one machine may take.
    pub limit: Duration,
    /// The command that boots a machine with this plan.
    pub machine: fn(&Programs, Plan) -> Result<Command>,
}

impl Kernel {
    /// Boots a machine for each layout of control groups, if there is something for it to do.
    pub fn run(&self, programs: &Programs, table: &mut Table) -> Result<()> {
        let boots = [
            (Layout::Unified, self.name.to_string(), self.again),
            (Layout::Hybrid, format!("{} v1", self.name), &[][..]),
        ];
        for (layout, name, again) in boots {
            let plan = Plan::new(programs, table, layout, again)?;
            if plan.runs.is_empty() {
                continue;
            }
            let machine = (self.machine)(programs, plan)?;
            if let Err(error) = carry_out(&name, machine, self.limit, table) {
                let stopped = vec![("(the machine)".into(), Verdict::Failed(format!("{error:#}")))];
                host::finish("(the machine)", &stopped, Duration::ZERO);
                table.add(&name, "(the machine)", stopped);
            }
        }
        Ok(())
    }
}

/// How long it may take to switch a machine off.
const OFF: Duration = Duration::from_secs(10);

/// Runs a machine, and enters into the table what it answers. One that takes longer than `limit`, or
/// stops before it is done, is an error that shows its last words.
fn carry_out(kernel: &str, machine: Command, limit: Duration, table: &mut Table) -> Result<()> {
    let mut machine = Machine::start(machine).with_context(|| format!("starting {kernel}"))?;
    let (say, heard) = mpsc::channel();
    let console = machine.0.stdout.take().context("a machine without a console")?;
    thread::spawn(move || {
        let lines = BufReader::new(console).split(b'\n').map_while(Result::ok);
        lines.map(|line| String::from_utf8_lossy(&line).into_owned()).for_each(|line| {
            let _ = say.send(line);
        });
    });

    let (start, mut step) = (Instant::now(), Instant::now());
    let mut column = kernel.to_string();
    let mut last_words = Vec::new();
    loop {
        let left = limit.saturating_sub(start.elapsed());
        let Ok(line) = heard.recv_timeout(left) else {
            let words = last_words.join("\n");
            let why = if left.is_zero() { "took too long" } else { "stopped before it was done" };
            bail!("{kernel} {why}; it said last:\n{words}");
        };
        match Answer::hear(&line) {
            Some(Answer::Booted(release)) => {
                column = format!("{kernel} {release}");
                println!("\n{column}  (booted in {:.0} s)", start.elapsed().as_secs_f64());
            }
            Some(Answer::Ran(program, verdicts)) => {
                host::finish(&program, &verdicts, step.elapsed());
                table.add(&column, &program, verdicts);
            }
            Some(Answer::Done) => {
                machine.ends_within(OFF);
                return Ok(());
            }
            None => {
                last_words.push(line);
                let old = last_words.len().saturating_sub(20);
                last_words.drain(..old);
                continue;
            }
        }
        step = Instant::now();
    }
}

/// Is ended with its owner.
struct Machine(Child);

impl Machine {
    /// Starts it. It is told to end if this process is killed; see PR_SET_PDEATHSIG(2const).
    fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // SAFETY: one system call, and no allocation, between fork and exec.
        unsafe { command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGTERM)?)) };
        Ok(Self(command.spawn()?))
    }

    /// Whether it ends by itself in this time.
    fn ends_within(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        while start.elapsed() < limit {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

/// User-Mode Linux is several processes, and when it is killed only the one that is: so it is asked
/// first.
impl Drop for Machine {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.0.id().cast_signed());
        if matches!(self.0.try_wait(), Ok(None)) && kill(pid, Signal::SIGTERM).is_ok() {
            self.ends_within(OFF);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
