//! `exec`: one more command in a container that runs.

use std::{ffi::OsString, path::PathBuf};

use anyhow::Result;
use step07::{Container, Explain, Process, User, Variable};

use crate::{
    layers::{join::Join, stdio::Stdio, terminal::Terminal},
    lifecycle::{relay::Relay, supervise::attend},
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

    /// Who the command is, in the container's numbers [default: who the container's command is]
    #[arg(short, long, value_name = "UID[:GID]", allow_hyphen_values = true)]
    user: Option<User>,

    /// Working directory in the container [default: that of the container's command]
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
        let record = store.containers.find(&self.container)?;
        let join = Join::new(record.running_pid()?);
        let mut process = Process::new(self.command);
        process.env.clear();
        for variable in &record.config.env {
            let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
            process.set_env(name, value);
        }
        self.env.into_iter().for_each(|variable| variable.set(&mut process));
        process.cwd = self.workdir.or(record.config.cwd.map(PathBuf::from)).or(Some("/".into()));

        let capabilities = record.config.user.layer(self.user);
        let mut container = Container::new(process, Explain::new(self.explain));
        container.stack.top(join);
        if self.tty {
            container.stack.top(Terminal::new(capabilities.user.uid, false));
        } else {
            container.stack.top(Stdio::new(self.interactive));
        }
        container.stack.top(capabilities);

        container.start()?;
        let relay = Relay::new(&mut container.stack)?;
        let status = attend(&container, relay)?;
        container.finish()?;
        Ok(status.code())
    }
}
