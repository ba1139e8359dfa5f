//! The gate between `create` and `start`.
//!
//! Two named pipes in the container's state directory. The container's first process has both open
//! since before it was born, and reads `start`, which holds it until somebody writes there. Then it
//! executes the command; the kernel closes its ends, and whoever waits for `answer` reads the end of
//! file, or before that why nothing came of it. From within the container no path leads to the pipes,
//! as an abstract socket's name would. See fifo(7).

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::{fd::RawFd, unix::fs::OpenOptionsExt},
    path::Path,
};

use anyhow::{Context, Result, bail};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::{prctl::set_dumpable, stat::Mode},
    unistd::{Pid, close, mkfifo},
};
use step07::{Explain, Failure, Hold, Layer};

use super::place::Place;

/// The layer at which a container stops until it is started.
pub struct StartGate {
    ends: Option<Ends>,
    /// The descriptor that holds the lock on the state directory.
    lock: RawFd,
}

struct Ends {
    start: File,
    answer: File,
}

impl StartGate {
    /// Makes the gate in the state directory.
    pub fn new(place: &Place) -> Result<Self> {
        let make = |name: &str| {
            let path = place.dir.join(name);
            let doing = || format!("gate: making {}", path.display());
            match mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno).with_context(doing),
            }
            // For both, so that opening it waits for nobody, and reading it never ends by itself.
            OpenOptions::new().read(true).write(true).open(&path).with_context(doing)
        };
        let ends = Ends { start: make("start")?, answer: make("answer")? };
        Ok(Self { ends: Some(ends), lock: place.lock() })
    }
}

impl Layer for StartGate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn attach(&mut self, _explain: &Explain, _child: Pid) -> Result<()> {
        self.ends = None; // the child has its copies, and is the only one that does
        Ok(())
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        explain.say("read < start  # until somebody starts it");
        // The lock is the runtime's alone. If that is killed now it is to be free, for whoever deletes
        // this container; but a lock is held as long as any copy of its descriptor is open.
        close(self.lock).context("letting go of the state directory")?;
        // Others in its PID namespace could look into this process, which is still the runtime's.
        set_dumpable(false).context("hiding from the container's processes")
    }

    fn hold(&mut self) -> Option<&mut dyn Hold> {
        Some(self)
    }
}

// ANCHOR: gate-hold
impl Hold for StartGate {
    fn wait(&mut self) -> Result<()> {
        let ends = self.ends.as_mut().context("the gate was not made")?;
        ends.start.read_exact(&mut [0]).context("waiting for the start")
    }

    fn failed(&mut self, failure: &Failure) {
        if let Some(ends) = &mut self.ends {
            let mut text = vec![failure.code];
            text.extend(failure.message.as_bytes());
            let _ = ends.answer.write_all(&text); // the exit code says it too
        }
    }
}
// ANCHOR_END: gate-hold

/// Whether the container in this state directory waits at its gate.
pub fn is_held(dir: &Path) -> bool {
    knock(dir).is_ok()
}

// ANCHOR: gate-let-through
/// Opens the gate, and waits until the container has become its command.
pub fn let_through(dir: &Path) -> Result<()> {
    // ANCHOR: exercise-8-1
    let path = dir.join("answer");
    let mut answer = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(&path)
        .with_context(|| format!("opening {}", path.display()))?;
    match knock(dir) {
        Ok(mut start) => start.write_all(&[1]).context("opening the gate")?,
        Err(Errno::ENXIO | Errno::ENOENT) => bail!("it does not wait to be started"),
        Err(errno) => return Err(errno).context("opening the gate"),
    }
    let flags = nix::fcntl::FcntlArg::F_SETFL(OFlag::empty());
    nix::fcntl::fcntl(&answer, flags).context("waiting for the command")?;
    let mut text = Vec::new();
    answer.read_to_end(&mut text).context("waiting for the command")?;
    match text.split_first() {
        None => Ok(()),
        Some((code, message)) => Err(Failure::new(*code, String::from_utf8_lossy(message)).into()),
    }
    // ANCHOR_END: exercise-8-1
}
// ANCHOR_END: gate-let-through

/// `ENXIO`: nobody has the other end open.
fn knock(dir: &Path) -> nix::Result<File> {
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    open(&dir.join("start"), flags, Mode::empty()).map(File::from)
}
