//! The driver: calls the layers' hooks at their moments. It knows no namespace, mount or cgroup.

use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result};
use nix::{
    sched::CloneFlags,
    sys::wait::{Id, WaitPidFlag, waitid},
    unistd::Pid,
};

use crate::{
    Explain, Process, Side, Stack, Status, child,
    clone::{Child, clone3},
    report::{self, Opener, Reader, Report},
    signals::{self, Signals},
};

/// A stack of layers, and the command that is to run on top of them.
///
/// ```no_run
/// use step01::{Container, Explain, Process, Uts};
///
/// let process = Process::new(vec!["hostname".into()]);
/// let mut container = Container::new(process, Explain::new(true));
/// container.stack.top(Uts { hostname: Some("box".into()), domainname: None });
/// let status = container.run()?;
/// # Ok::<(), anyhow::Error>(())
/// ```
pub struct Container {
    /// The layers, the bottom one first.
    pub stack: Stack,
    /// What to execute.
    pub process: Process,
    /// Whether the container goes on when the runtime's process ends; otherwise the kernel kills it
    /// then. One that is held (see [`Hold`](crate::Hold)) goes on in any case.
    pub outlives: bool,
    pub(crate) explain: Explain,
    running: Option<Running>,
    ended: Vec<Box<Ended>>,
}

/// Looks at what the command has left, while the layers still stand.
type Ended = dyn FnOnce(&mut Stack, &Explain) -> Result<()>;

/// The container's first process, seen from the host.
pub struct Running {
    child: Child,
    signals: Signals,
}

impl Running {
    /// Its number on the host.
    pub fn pid(&self) -> Pid {
        self.child.pid
    }

    /// Readable once it has ended. See pidfd_open(2).
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.child.pidfd.as_fd()
    }

    /// The signals that reach the runtime meanwhile.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }
}

impl Container {
    /// A container without layers: just a process.
    pub fn new(process: Process, explain: Explain) -> Self {
        let (stack, ended) = (Stack::default(), Vec::new());
        Self { stack, process, outlives: false, explain, running: None, ended }
    }

    /// Has `look` called by [`finish`](Self::finish) once the command has ended and before its layers
    /// are given back: for a step that tells what the container used, or changed. It is not called
    /// if the container did not come to be.
    pub fn when_ended(&mut self, look: impl FnOnce(&mut Stack, &Explain) -> Result<()> + 'static) {
        self.ended.push(Box::new(look));
    }

    /// The whole life of a container.
    pub fn run(mut self) -> Result<Status> {
        let running = self.start()?;
        let status = signals::wait(running.signals(), running.pidfd())?;
        self.finish()?;
        Ok(status)
    }

    /// Makes the container and lets it become its command. If any hook fails on either side, what
    /// was made so far is given back, and the error is that hook's.
    pub fn start(&mut self) -> Result<&Running> {
        // Held back until all is given back: a SIGTERM must not end the runtime half-way.
        let signals = Signals::hold()?;
        match self.try_start(&signals) {
            Ok(child) => Ok(self.running.insert(Running { child, signals })),
            Err(error) => {
                let _ = self.release(); // the first error is the one to tell
                Err(error)
            }
        }
    }

    // ANCHOR: driver
    /// Gives back what containers of these layers have left on the host when their runtime was
    /// killed. `start` begins with it; a program that removes such a container calls it alone.
    pub fn recover(&mut self) -> Result<()> {
        for layer in self.stack.layers() {
            let explain = self.explain.at(Side::Host, layer.name());
            layer.recover(&explain).context(layer.name())?;
        }
        Ok(())
    }

    fn try_start(&mut self, signals: &Signals) -> Result<Child> {
        self.recover()?;
        self.prepare()?;
        // ANCHOR: exercise-1-8
        let (gate, opener) = report::gate()?;
        let (mut reports, reporter) = report::pipe()?;
        let Some(child) = self.fork()? else {
            drop((opener, reports)); // the host's ends
            child::main(self, signals, gate, reporter)
        };
        drop((gate, reporter)); // the child's ends
        let born = self.first_process(child, &mut reports)?;
        self.attach(born.pid())?;
        opener.open()?;
        self.meet(born.pid(), &mut reports, &opener)?;
        Ok(born.finish())
        // ANCHOR_END: exercise-1-8
    }

    fn prepare(&mut self) -> Result<()> {
        for layer in self.stack.layers() {
            let explain = self.explain.at(Side::Host, layer.name());
            layer.prepare(&explain).context(layer.name())?;
        }
        Ok(())
    }

    /// Like fork(2) it returns twice: `None` is the child.
    fn fork(&self) -> Result<Option<Child>> {
        let explain = self.explain.at(Side::Host, "namespaces");
        let joins = self.stack.joins();
        let namespaces = if joins { CloneFlags::empty() } else { self.stack.namespaces() };
        clone3(&explain, namespaces, self.stack.born_into())
    }

    fn attach(&mut self, child: Pid) -> Result<()> {
        for layer in self.stack.layers() {
            let explain = self.explain.at(Side::Host, layer.name());
            layer.attach(&explain, child).context(layer.name())?;
        }
        Ok(())
    }

    // ANCHOR_END: driver

    /// The child itself or, where layers join namespaces, the one that it leaves its place to.
    fn first_process(&self, child: Child, reports: &mut Reader) -> Result<Unfinished> {
        let born = Unfinished(Some(child));
        if self.stack.joins()
            && let Report::Reborn(pid) = reports.next()?
        {
            return Ok(Unfinished(Some(Child::adopt(pid)?)));
        }
        Ok(born)
    }

    /// Reads what the child reports until it is made or has failed. Each time that it waits, the next
    /// layer that wants to meets it.
    fn meet(&mut self, child: Pid, reports: &mut Reader, gate: &Opener) -> Result<()> {
        let mut meeting = self.stack.layers().filter(|layer| layer.meets());
        while let Report::Waits = reports.next()? {
            if let Some(layer) = meeting.next() {
                let explain = self.explain.at(Side::Host, layer.name());
                layer.meet(&explain, child).context(layer.name())?;
            }
            gate.open()?;
        }
        Ok(())
    }

    /// The first process, from `start` to `release`.
    pub fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// Leaves the container to itself: nothing is given back, since whoever is to do that knows it by
    /// other means. Only for one that goes on without this process.
    pub fn leave(mut self) {
        self.running = None;
        self.stack = Stack::default();
    }

    /// When the command has ended: looks at what it has left, and releases the layers.
    pub fn finish(&mut self) -> Result<()> {
        let explain = self.explain.at(Side::Host, "");
        let looked = self.ended.drain(..).try_for_each(|look| look(&mut self.stack, &explain));
        looked.and(self.release())
    }

    /// Ends the container if it still runs, and gives everything back, from the top layer down.
    /// Every layer is released even if another's release fails; the first error is returned.
    pub fn release(&mut self) -> Result<()> {
        let signals = self.running.take().map(|Running { child, signals }| {
            drop(Unfinished(Some(child)));
            signals
        });
        // ANCHOR: exercise-1-7
        let mut result = Ok(());
        for layer in self.stack.layers().rev() {
            let explain = self.explain.at(Side::Host, layer.name());
            let released = layer.release(&explain).context(layer.name());
            result = result.and(released);
        }
        drop(signals); // what was held back may end this process now
        result
        // ANCHOR_END: exercise-1-7
    }
}

/// Nothing is left behind, whichever way the owner goes.
impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.release();
    }
}

impl Child {
    /// Takes over a child that this process did not clone itself.
    fn adopt(pid: Pid) -> Result<Self> {
        let pidfd = crate::clone::pidfd_open(pid).context("opening the container's pidfd")?;
        Ok(Self { pid, pidfd })
    }
}

/// A child that is killed and reaped unless it is finished: no error path leaves a process.
struct Unfinished(Option<Child>);

impl Unfinished {
    fn pid(&self) -> Pid {
        self.0.as_ref().map_or(Pid::from_raw(0), |child| child.pid)
    }

    fn finish(mut self) -> Child {
        self.0.take().expect("taken only here, and this consumes self")
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(child) = &self.0 {
            // Both fail only if it has ended and been reaped already.
            let _ = signals::send(child.pidfd.as_fd(), libc::SIGKILL);
            let _ = waitid(Id::PIDFd(child.pidfd.as_fd()), WaitPidFlag::WEXITED);
        }
    }
}
