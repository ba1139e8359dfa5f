//! `exec`: one more command in a container that runs.

use std::{ffi::OsString, path::PathBuf};

use anyhow::{Result, ensure};
use step07::{Capabilities, Container, Explain, Process, Variable};

use crate::{
    account::{self, Wanted},
    layers::{join::Join, stdio::Stdio, terminal::Terminal},
    lifecycle::{
        container,
        detach::{Side, Starter, detach},
        relay::Relay,
        supervise::attend,
    },
    own_binary,
    store::Store,
};

/// Run one more command in a running container
#[derive(clap::Args)]
pub struct Args {
    /// Keep standard input open
    #[arg(short, long)]
    interactive: bool,

    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,

    /// Let it run in the background
    #[arg(short, long)]
    detach: bool,

    /// Who the command is: names of the container's, or numbers [default: as the container's own
    /// command]
    #[arg(short, long, value_name = "USER[:GROUP]", allow_hyphen_values = true)]
    user: Option<Wanted>,

    /// Working directory in the container [default: that of the container's own command]
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<PathBuf>,

    /// Set an environment variable, or pass on the caller's; may be given more than once
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<Variable>,

    /// Tell each act on the kernel as the shell command that would do the same
    #[arg(long)]
    explain: bool,

    /// Name, id, or the beginning of an id
    container: String,

    /// The command to run, and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        own_binary::protect()?;
        let record = store.containers.find(&self.container)?;
        if !self.detach {
            return self.execute(&record, None);
        }
        match detach()? {
            Side::Foreground(started) => started.map(|_| 0),
            // What goes wrong in the background, the foreground process tells.
            Side::Background(starter) => self.execute(&record, Some(starter)),
        }
    }

    fn execute(self, record: &container::Container, starter: Option<Starter>) -> Result<u8> {
        let mut container = None;
        let started = self.make(record).and_then(|made| {
            let container = container.insert(made);
            container.start()?;
            Relay::new(&mut container.stack)
        });
        let relay = match (started, starter) {
            (Ok(mut relay), Some(starter)) => {
                starter.started("")?;
                relay.detach();
                relay
            }
            (Err(error), Some(starter)) => {
                return Ok(starter.failed(&error));
            }
            (relay, None) => relay?,
        };
        let mut container = container.expect("it has started");
        let ended = attend(&container, relay)?;
        container.finish()?;
        Ok(ended.tell_rest()?.code())
    }

    /// The container's namespaces and groups to go into, as one who is allowed no more in there
    /// than its own command.
    fn make(self, record: &container::Container) -> Result<Container> {
        let (pid, pidfd) = record.running()?;
        // One who joined the group would stand still with it.
        let name = &record.config.name;
        ensure!(!record.is_paused(), "container {name} is paused: unpause it first");
        let mut process = Process::new(self.command);
        process.env.clear();
        for variable in &record.config.env {
            let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
            process.set_env(name, value);
        }
        let mut user = None;
        if let Some(wanted) = &self.user {
            let account = wanted.find(&account::files_of(pid)?)?;
            account.home.into_iter().for_each(|home| process.set_env("HOME", home));
            user = Some(account.user);
        }
        self.env.into_iter().for_each(|variable| variable.set(&mut process));
        let cwd = record.config.cwd.clone().map(PathBuf::from);
        process.cwd = self.workdir.or(cwd).or(Some("/".into()));

        let capabilities = record.config.user.layer(user);
        let seccomp = record.config.seccomp.layer(&record.config.id, &capabilities)?;
        let mut container = Container::new(process, Explain::new(self.explain));
        container.stack.top(Join::new(pid, pidfd));
        if self.tty {
            container.stack.top(Terminal::new(self.interactive, capabilities.user.uid, false));
        } else {
            container.stack.top(Stdio::new(self.interactive));
        }
        container.stack.top(capabilities);
        if let Some(filter) = seccomp {
            container.stack.below::<Capabilities>(filter);
        }
        Ok(container)
    }
}
