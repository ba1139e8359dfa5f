//! `exec`: one more process in a container.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use step07::{Container, Explain};

use super::{console::Console, container, create::write_pid, filter, home, stack};
use crate::{
    account::files_of,
    layers::{
        affinity::Affinity,
        habits::Habits,
        intel_rdt::Resctrl,
        join::{Join, below},
        session::Session,
        terminal::Terminal,
    },
    lifecycle::{relay::Relay, supervise::attend},
    spec::{NamespaceKind, Process, Status},
};

/// What `exec` is asked for.
#[derive(Clone, Debug)]
pub struct Exec {
    /// The process, as `--process` or the flags describe it.
    pub process: Process,
    /// Where an engine waits for the terminal.
    pub console_socket: Option<PathBuf>,
    /// Where to write its number.
    pub pid_file: Option<PathBuf>,
    /// That it goes on without the runtime.
    pub detach: bool,
    /// How many descriptors it inherits beyond the first three.
    pub preserve_fds: u32,
    /// Groups below the container's own that it is in, `[CONTROLLER:]PATH`.
    pub cgroup: Vec<String>,
    /// That a paused container is joined too, and the process stands still with it.
    pub ignore_paused: bool,
    /// Whether each act on the kernel is told.
    pub explain: bool,
}

impl Exec {
    /// Runs it, and returns its exit code; 0 at once if it is detached.
    pub fn run(&self, target: &container::Container) -> Result<u8> {
        let id = &target.record.id;
        let status = target.must_run("exec")?;
        if status == Status::Paused && !self.ignore_paused {
            bail!("exec: container {id} is paused: resume it first");
        }
        ensure!(
            self.console_socket.is_none() || self.process.terminal,
            "terminal: --console-socket is for a process with a terminal"
        );
        ensure!(
            !(self.detach && self.process.terminal && self.console_socket.is_none()),
            "terminal: a detached process with a terminal needs --console-socket"
        );
        let console = self.console_socket.as_deref().map(Console::connect).transpose()?;
        let mut made = self.make(target)?;
        let pid = made.start()?.pid().as_raw();
        if let (Some(console), Some(terminal)) = (&console, made.stack.get_mut::<Terminal>()) {
            console.send(&terminal.take_pair()?.master)?;
        }
        if let Some(file) = &self.pid_file {
            write_pid(file, pid)?;
        }
        if self.detach {
            made.leave();
            return Ok(0);
        }
        let relay = match &console {
            Some(_) => Relay::default(),
            None => Relay::new(&mut made.stack)?,
        };
        let ended = attend(&made, relay)?;
        made.finish()?;
        Ok(ended.tell_rest()?.code())
    }

    fn make(&self, target: &container::Container) -> Result<Container> {
        let pidfd = target.pidfd()?.context("exec: the container has ended")?;
        let mut process = stack::command(&self.process, self.preserve_fds);
        if let Ok(files) = files_of(target.record.pid) {
            home::set(&mut process, self.process.user.uid, files);
        }
        let mut made = Container::new(process, Explain::new(self.explain));
        made.outlives = self.detach;
        if let Some(affinity) = &self.process.exec_cpu_affinity {
            made.stack.top(Affinity::new(affinity)?);
        }
        let config = target.config()?;
        let linux = config.linux.clone().unwrap_or_default();
        if let Some(rdt) = &linux.intel_rdt {
            made.stack.top(Resctrl::joined(rdt, &target.record.id)?);
        }
        let mut join = Join::new(target.record.pid, pidfd);
        join.below = self.cgroup.iter().map(|text| below(text)).collect::<Result<_>>()?;
        made.stack.top(join);
        stack::limits(&mut made.stack, &self.process)?;
        if self.process.terminal {
            made.stack.top(stack::terminal(&self.process, false));
        } else {
            made.stack.top(Session);
        }
        let no_new_privs = self.process.no_new_privileges;
        let seccomp = filter::layer(&config, &target.record, no_new_privs, target.status()?);
        made.stack.top(Habits {
            umask: self.process.user.umask,
            personality: linux.personality.clone(),
            keyring: stack::keyring(&target.record),
        });
        let own_user = linux.namespace(NamespaceKind::User).is_some();
        stack::identity(&mut made.stack, &self.process, own_user, seccomp)?;
        Ok(made)
    }
}
