//! What all engines have in common: where they are, an image for them, and what they leave.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use conformance::{Machine, Outcome, Rootfs, Run, Running, Sandbox, expect};
use serde_json::Value;

/// The runtime that they are to drive.
pub const RUNTIME: &str = env!("CARGO_BIN_EXE_final-runtime");

/// The name of the image that they are given: `/bin/probe`, and what a container needs besides.
pub const IMAGE: &str = "docker.io/library/probe:1";

/// Flags, which podman and Docker have the same words for, for a container in which [`LOOK`] is asked.
pub fn asked_for(sandbox: &Sandbox) -> Result<Vec<String>> {
    let shared = dir(sandbox, "shared")?;
    fs::write(shared.join("file"), "from outside\n")?;
    let volume = format!("--volume={}:/data:ro", shared.display());
    let flags = [
        "--rm",
        &volume,
        "--tmpfs=/scratch",
        "--read-only",
        "--user=1000:1000",
        "--env=WORD=yes",
        "--memory=32m",
        "--pids-limit=30",
        "--cpus=0.5",
        "--workdir=/data",
    ];
    Ok(flags.map(String::from).into())
}

/// What it is asked: one container for all, since in a virtual machine each takes an engine seconds.
/// More files to show may follow.
#[rustfmt::skip]
pub const LOOK: [&str; 13] = [
    "/bin/probe", "seq", "report", "uid", "env", "--",
    "try", "create=/scratch/file", "create=/data/new", "create=/new", "--",
    "cat", "file",
];

/// Whether it says what it should. What follows is what the other files hold.
pub fn looked(said: &str) -> Result<String> {
    let mut lines = said.lines();
    let mut next = || lines.next().context("it says less than it was asked");
    let report: Value = serde_json::from_str(next()?)?;
    expect::equal("the effective user", &report["uid"]["effective"], 1000, "")?;
    expect::equal("its variable", &report["env"]["WORD"], "yes", "")?;
    let tried: Value = serde_json::from_str(next()?)?;
    expect::equal("writing to a tmpfs", &tried["create=/scratch/file"], "ok", "")?;
    expect::equal("writing to the volume", &tried["create=/data/new"], "EROFS", "")?;
    expect::equal("writing to the root", &tried["create=/new"], "EROFS", "")?;
    expect::equal("the volume's file", &next()?, "from outside", "")?;
    Ok(lines.collect())
}

/// Engines have much to do.
pub const LIMIT: Duration = Duration::from_secs(120);

/// An engine: the client with its flags, and the processes behind it.
pub struct Engine<'a> {
    /// Where it is.
    pub sandbox: &'a Sandbox,
    /// The machine in it that it is on, if systemd is to run that.
    pub machine: Option<&'a Machine<'a>>,
    /// The client.
    pub program: PathBuf,
    /// What each call begins with.
    pub flags: Vec<String>,
    /// Variables of its environment.
    pub env: Vec<(String, String)>,
    /// Kept until the end.
    pub behind: Vec<Running>,
}

impl<'a> Engine<'a> {
    /// A call of the client.
    pub fn call(&self, args: &[&str]) -> Run<'a> {
        let run = on(self.sandbox, self.machine, &self.program);
        let run = run.limit(LIMIT).args(&self.flags).args(args);
        self.env.iter().fold(run, |run, (name, value)| run.env(name, value))
    }

    /// How a call of it ends.
    pub fn outcome(&self, args: &[&str]) -> Result<Outcome> {
        self.call(args).output()
    }

    /// What a call prints that must succeed.
    pub fn says(&self, args: &[&str]) -> Result<String> {
        let outcome = self.outcome(args)?;
        outcome.success()?;
        Ok(outcome.stdout().trim_end().to_string())
    }

    /// A call that leaves processes behind it.
    pub fn leaves(&mut self, args: &[&str]) -> Result<String> {
        let (outcome, running) = self.call(args).detaching().spawn()?.leave()?;
        self.behind.push(running);
        outcome.success()?;
        Ok(outcome.stdout().trim_end().to_string())
    }

    /// Has the engine do with a container that runs what podman and Docker have the same words for.
    pub fn drives(&self, name: &str) -> Result<()> {
        let said = self.says(&["exec", name, "/bin/probe", "echo", "within"])?;
        expect::equal("what exec says", &said, "within", "")?;
        self.outcome(&["exec", name, "/bin/probe", "exit", "9"])?.code(9)?;
        for (verb, status) in [("pause", "paused"), ("unpause", "running")] {
            self.says(&[verb, name])?;
            let now = self.says(&["inspect", "--format={{.State.Status}}", name])?;
            expect::equal("its status", &now, status, verb)?;
        }
        Ok(())
    }

    /// Has it end and remove one whose command is `probe trap`.
    pub fn ends(&self, name: &str) -> Result<()> {
        self.says(&["stop", "--time=10", name])?;
        let code = self.says(&["inspect", "--format={{.State.ExitCode}}", name])?;
        expect::equal("its exit code", &code, "55", "probe trap")?;
        self.says(&["rm", name]).map(drop)
    }

    /// Calls again and again until what it prints is as wanted.
    pub fn until(&self, args: &[&str], wanted: impl Fn(&str) -> bool) -> Result<String> {
        let end = Instant::now() + LIMIT;
        loop {
            let outcome = self.outcome(args)?;
            let text = outcome.stdout().trim_end().to_string();
            if wanted(&text) && outcome.success().is_ok() {
                return Ok(text);
            }
            if Instant::now() > end {
                bail!("waited in vain for something else than {outcome}");
            }
            sleep(Duration::from_millis(100));
        }
    }
}

/// A program in the sandbox, or on the machine in it.
pub fn on<'a>(sandbox: &'a Sandbox, machine: Option<&Machine<'a>>, program: &Path) -> Run<'a> {
    match machine {
        Some(machine) => machine.run(&program.display().to_string()),
        None => sandbox.run(program),
    }
}

/// A directory of an engine's own.
pub fn dir(sandbox: &Sandbox, name: &str) -> Result<PathBuf> {
    let dir = sandbox.dir().join(name);
    fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    // It may be an ordinary user's.
    fs::set_permissions(&dir, Permissions::from_mode(0o777))?;
    Ok(dir)
}

/// The image's files, as an archive.
pub fn archive(sandbox: &Sandbox) -> Result<String> {
    let rootfs = Rootfs::new()?;
    let archive = sandbox.dir().join("probe.tar");
    let mut tar = Command::new("tar");
    let made = tar.arg("-C").arg(rootfs.path()).arg("-cf").arg(&archive).arg(".").status()?;
    ensure!(made.success(), "tar failed");
    Ok(archive.display().to_string())
}

/// Clears away what engines leave of their own, and what they have bound into each other.
pub fn clear(sandbox: &Sandbox) -> Result<()> {
    let run = sandbox.root().join("run");
    // Docker mounts its directory on itself, and what it calls the host's network; umount(8) leaves
    // /run/mount.
    let docker = |path| sandbox.dir().join("docker").join(path).display().to_string();
    let (data, network) = (docker("data"), docker("exec/netns/default"));
    for place in [&data, &network, "/run/netns", "/run/containerd", "/run/docker"] {
        let _ = sandbox.run("/bin/umount").args(["-R", "-l", place]).output()?; // if it is one
    }
    for name in ["containerd", "docker", "libpod", "containers", "netns", "cni", "lock", "mount"] {
        let _ = fs::remove_dir_all(run.join(name)); // not every one leaves all
    }
    remove_groups(Path::new("/sys/fs/cgroup"), &sandbox.cgroup_parent(), 2);
    for name in ["tmp", "home", "runtime"] {
        for entry in fs::read_dir(sandbox.dir().join(name)).into_iter().flatten().flatten() {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
    Ok(())
}

/// Engines do not remove the groups above their containers'. One with a process in it stays, and is
/// found.
fn remove_groups(dir: &Path, name: &str, depth: usize) {
    let below = |dir: &Path| {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let dirs = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        dirs.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    fn remove(dir: &Path, below: &impl Fn(&Path) -> Vec<PathBuf>) {
        below(dir).iter().for_each(|dir| remove(dir, below));
        let _ = fs::remove_dir(dir);
    }
    // Another test's may be called the same and have one digit more.
    let is_named = |found: &str| {
        found.match_indices(name).any(|(at, _)| {
            !found[at + name.len()..].starts_with(|next: char| next.is_ascii_digit())
        })
    };
    for found in below(dir) {
        match found.file_name().is_some_and(|found| is_named(&found.to_string_lossy())) {
            true => remove(&found, &below),
            false if depth > 0 => remove_groups(&found, name, depth - 1),
            false => {}
        }
    }
}
