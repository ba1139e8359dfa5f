//! Running virtual machines, and entering into the table what they answer.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
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
    /// it.
    pub again: Again,
    /// How many machines share the work: as many as keep this machine's processors busy.
    pub machines: usize,
    /// How long one machine may take.
    pub limit: Duration,
    /// The command that boots a machine with this plan, of which there may be several side by side:
    /// which of them it is.
    pub machine: fn(&Programs, Plan, usize) -> Result<Command>,
}

impl Kernel {
    /// Boots machines for each layout of control groups, if there is something for them to do.
    pub fn run(&self, programs: &Programs, table: &mut Table) -> Result<()> {
        let boots = [
            (Layout::Unified, self.name.to_string(), self.again),
            (Layout::Hybrid, format!("{} v1", self.name), &[][..]),
        ];
        for (layout, name, again) in boots {
            let plan = Plan::new(programs, table, layout, again)?;
            let plans = plan.dealt_to(self.machines).into_iter().enumerate();
            let machines = plans.map(|(number, plan)| (self.machine)(programs, plan, number));
            let machines = machines.collect::<Result<Vec<_>>>()?;
            let table = Mutex::new(&mut *table);
            thread::scope(|scope| {
                for machine in machines {
                    scope.spawn(|| self.run_one(&name, machine, &table));
                }
            });
        }
        Ok(())
    }

    fn run_one(&self, name: &str, machine: Command, table: &Mutex<&mut Table>) {
        if let Err(error) = carry_out(name, machine, self.limit, table) {
            let stopped = vec![("(the machine)".into(), Verdict::Failed(format!("{error:#}")))];
            host::finish("(the machine)", &stopped, Duration::ZERO);
            locked(table).add(name, "(the machine)", stopped);
        }
    }
}

/// A machine that panics while it holds the table has entered all that it had to say.
fn locked<'a, T>(mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long it may take until a machine is up, on a host that has much else to do.
const BOOT: Duration = Duration::from_secs(150);

/// A test that takes longer is told of: there is one machine for all.
const SLOW: Duration = Duration::from_secs(10);

/// How long it may take to switch a machine off.
const OFF: Duration = Duration::from_secs(10);

/// Runs a machine, and enters into the table what it answers. One that takes longer than `limit`, or
/// stops before it is done, is an error that shows its last words.
fn carry_out(
    kernel: &str,
    mut machine: Command,
    limit: Duration,
    table: &Mutex<&mut Table>,
) -> Result<()> {
    let booted = boot(&mut machine).or_else(|error| {
        // An emulated clock may be too far from the host's for the kernel to begin.
        let note = format!("{kernel} did not boot at first, and was tried once more: {error:#}");
        println!("\n{note}");
        locked(table).note(note);
        boot(&mut machine)
    });
    let (mut machine, mut console, release) =
        booted.with_context(|| format!("booting {kernel}"))?;
    let column = format!("{kernel} {release}");
    println!("\n{column}  (booted in {:.0} s)", console.start.elapsed().as_secs_f64());

    let (mut step, mut last) = (Instant::now(), Instant::now());
    let (mut so_far, mut slow) = (Vec::new(), String::new());
    loop {
        match console.answer(limit).context(column.clone())? {
            Answer::Booted(_) => bail!("{column} has booted once more"),
            Answer::Tested(program, test, verdict) => {
                if last.elapsed() > SLOW {
                    slow += &format!("    {test} took {:.0} s\n", last.elapsed().as_secs_f64());
                }
                last = Instant::now();
                so_far.push((test, verdict));
                host::progress(&program, so_far.len());
                locked(table).add(&column, &program, so_far.last().cloned().into_iter().collect());
            }
            Answer::Ran(program) => {
                host::finish(&program, &so_far, step.elapsed());
                print!("{slow}");
                step = Instant::now();
                (so_far, slow) = (Vec::new(), String::new());
            }
            Answer::Done => {
                machine.ends_within(OFF);
                return Ok(());
            }
        }
    }
}

/// A machine that is up, what it says, and its kernel's release.
fn boot(command: &mut Command) -> Result<(Machine, Console, String)> {
    let mut machine = Machine::start(command)?;
    let mut console = Console::of(&mut machine)?;
    match console.answer(BOOT)? {
        Answer::Booted(release) => Ok((machine, console, release)),
        other => bail!("before it was up it said {other:?}"),
    }
}

/// What a machine says.
struct Console {
    start: Instant,
    lines: mpsc::Receiver<String>,
    /// What came last that was no answer.
    last_words: VecDeque<String>,
}

impl Console {
    fn of(machine: &mut Machine) -> Result<Self> {
        let (say, lines) = mpsc::channel();
        let console = machine.0.stdout.take().context("a machine without a console")?;
        thread::spawn(move || {
            let lines = BufReader::new(console).split(b'\n').map_while(Result::ok);
            lines.map(|line| String::from_utf8_lossy(&line).into_owned()).for_each(|line| {
                let _ = say.send(line);
            });
        });
        Ok(Self { start: Instant::now(), lines, last_words: VecDeque::new() })
    }

    /// Its next answer, which has to come within `limit` of its start.
    fn answer(&mut self, limit: Duration) -> Result<Answer> {
        const LAST_WORDS: usize = 20;
        loop {
            let left = limit.saturating_sub(self.start.elapsed());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let words = self.last_words.make_contiguous().join("\n");
                let late = self.start.elapsed() >= limit;
                let why = if late { "took too long" } else { "stopped before it was done" };
                bail!("it {why}, and said last:\n{words}");
            };
            if let Some(answer) = Answer::hear(&line) {
                return Ok(answer);
            }
            self.last_words.push_back(line);
            if self.last_words.len() > LAST_WORDS {
                self.last_words.pop_front();
            }
        }
    }
}

/// Is ended with its owner.
struct Machine(Child);

impl Machine {
    /// Starts it. It is told to end if this process is killed; see PR_SET_PDEATHSIG(2const).
    fn start(command: &mut Command) -> Result<Self> {
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
