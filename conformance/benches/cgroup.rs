//! What does it cost a process to be in a group?
//!
//!     cargo bench -p conformance --bench cgroup [-- ROUNDS]
//!
//! Each way is tried once a round, the ways in another order each round, so that whatever else the
//! machine does meets all of them alike. Between two tries is a pause: the kernel is quicker to move
//! a process if it has just moved another, and containers do not start one upon the other. What is
//! timed is a process from its birth to its end. It takes root.
//!
//! See cgroups(7), and CLONE_INTO_CGROUP in clone(2).

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, PipeReader, Write, pipe},
    os::fd::AsFd,
    path::PathBuf,
    process::ExitCode,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    sched::CloneFlags,
    sys::wait::{WaitStatus, waitpid},
};
use step06::{Explain, Hierarchy, Version, clone::clone3};

const PAUSE: Duration = Duration::from_millis(30);

/// How a process comes to be in a group.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// It does not.
    Outside,
    /// It is born there: CLONE_INTO_CGROUP.
    Born,
    /// It writes `0` to this file, which its parent has opened.
    Itself(&'static str),
    /// Its parent writes its number to this file.
    ByParent(&'static str),
}

use Way::{Born, ByParent, Itself, Outside};

const WAYS: [(&str, Way, Option<Version>); 7] = [
    ("no group", Outside, None),
    ("v2: born in it (CLONE_INTO_CGROUP)", Born, Some(Version::V2)),
    ("v2: writes 0 to cgroup.procs", Itself("cgroup.procs"), Some(Version::V2)),
    ("v2: its number is written to cgroup.procs", ByParent("cgroup.procs"), Some(Version::V2)),
    ("v1: writes 0 to tasks", Itself("tasks"), Some(Version::V1)),
    ("v1: writes 0 to cgroup.procs", Itself("cgroup.procs"), Some(Version::V1)),
    ("v1: its number is written to cgroup.procs", ByParent("cgroup.procs"), Some(Version::V1)),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cgroup: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(100);
    let mut measured = Vec::new();
    for (number, (name, way, version)) in WAYS.into_iter().enumerate() {
        match version.map(|version| Group::make(version, number)).transpose() {
            Ok(group) => measured.push((name, Try { way, group }, Vec::new())),
            Err(error) => eprintln!("{name}: not measured: {error:#}"),
        }
    }
    for (name, one, _) in &measured {
        one.check().with_context(|| name.to_string())?;
    }
    for round in 0..rounds {
        let count = measured.len();
        for turn in 0..count {
            let (_, one, times) = &mut measured[(turn + round) % count];
            sleep(PAUSE);
            times.push(one.time()?);
        }
    }
    print(rounds, measured.iter_mut().map(|(name, _, times)| (*name, &mut times[..])));
    Ok(())
}

/// The median of each, the middle half of its times, and how many times the first it is.
fn print<'a>(rounds: usize, measured: impl Iterator<Item = (&'a str, &'a mut [Duration])>) {
    println!("{rounds} processes each, interleaved:\n");
    println!("| a process that is in | median | middle half | |\n| --- | ---: | --- | ---: |");
    let mut first = None;
    for (name, times) in measured {
        times.sort();
        let at = |part: usize| times[(times.len() - 1) * part / 4].as_secs_f64() * 1e3;
        let median = at(2);
        let ratio = median / *first.get_or_insert(median);
        println!("| {name} | {median:.2} ms | {:.2}–{:.2} | {ratio:.1}× |", at(1), at(3));
    }
}

/// One way, and the group for it.
struct Try {
    way: Way,
    group: Option<Group>,
}

impl Try {
    /// From the birth of a process that does nothing but join to its end.
    fn time(&self) -> Result<Duration> {
        let start = Instant::now();
        self.process(|| true)?;
        Ok(start.elapsed())
    }

    /// Whether a process truly is in the group in this way.
    fn check(&self) -> Result<()> {
        let name = self.group.as_ref().map(Group::name).unwrap_or_default();
        self.process(|| {
            fs::read_to_string("/proc/self/cgroup").is_ok_and(|all| all.contains(&name))
        })
    }

    /// A process that joins in this way; an error unless what it does then is `true`.
    fn process(&self, then: impl FnOnce() -> bool) -> Result<()> {
        let file = |name: &str| self.group.as_ref().context("no group")?.open(name);
        let mut door = match self.way {
            Itself(name) | ByParent(name) => Some(file(name)?),
            Outside | Born => None,
        };
        let dir = self.group.as_ref().filter(|_| self.way == Born).map(|group| group.dir.as_fd());
        let (gate, opener) = pipe().context("making a pipe")?;
        let Some(child) = clone3(&Explain::new(false), CloneFlags::empty(), dir)? else {
            drop(opener);
            let joined = match (self.way, &mut door) {
                (Itself(_), Some(door)) => door.write_all(b"0").is_ok(),
                (ByParent(_), _) => opened(gate),
                _ => true,
            };
            std::process::exit(i32::from(!(joined && then())));
        };
        if let (ByParent(_), Some(door)) = (self.way, &mut door) {
            door.write_all(child.pid.to_string().as_bytes()).context("moving a process")?;
        }
        drop(opener);
        match waitpid(child.pid, None).context("waiting")? {
            WaitStatus::Exited(_, 0) => Ok(()),
            _ => bail!("the process is not in the group"),
        }
    }
}

/// Waits until nobody can write to it any more.
fn opened(gate: PipeReader) -> bool {
    BufReader::new(gate).fill_buf().is_ok_and(<[u8]>::is_empty)
}

/// A group for this benchmark, removed with its owner.
struct Group {
    path: PathBuf,
    dir: File,
}

impl Group {
    /// In the tree of this version that has the pids controller, or in any.
    fn make(version: Version, number: usize) -> Result<Self> {
        let all = Hierarchy::all()?;
        // A cpuset of v1 takes more before it can be joined.
        let of_this = all.iter().filter(|one| one.version == version && !one.has("cpuset"));
        let tree = of_this.max_by_key(|one| one.has("pids"));
        let tree = tree.with_context(|| format!("no hierarchy of {version:?} is mounted here"))?;
        let top = tree.top().context("the caller may make no groups here")?;
        let path = top.join(format!("bench-{}-{number}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("making the group {}", path.display()))?;
        let dir = File::open(&path)?;
        Ok(Self { path, dir })
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn open(&self, name: &str) -> Result<File> {
        let path = self.path.join(name);
        OpenOptions::new()
            .write(true)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}
