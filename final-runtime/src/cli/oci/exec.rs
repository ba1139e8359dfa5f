//! `exec`: one more process in a container.

use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};

use super::Global;
use crate::{
    oci::{Container, Exec},
    own_binary,
    spec::{Process, User, load_process},
};

/// Run one more process in a container
#[derive(clap::Args)]
pub struct Args {
    /// A file that describes the process, in place of all that follows
    #[arg(short, long, value_name = "FILE")]
    process: Option<PathBuf>,

    /// A socket at which somebody waits for the process's terminal
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,

    /// A file to write the process's number to
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,

    /// Let it run in the background
    #[arg(short, long)]
    detach: bool,

    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,

    /// Its working directory [default: that of the container's command]
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,

    /// Set a variable of its environment; may be given more than once
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// Who it is, by number [default: as the container's command]
    #[arg(short, long, value_name = "UID[:GID]", value_parser = user)]
    user: Option<User>,

    /// One more group; may be given more than once
    #[arg(short = 'g', long, value_name = "GID")]
    additional_gids: Vec<u32>,

    /// Add a capability; may be given more than once
    #[arg(short, long, value_name = "CAP")]
    cap: Vec<String>,

    /// Let no program give it more power
    #[arg(long)]
    no_new_privs: bool,

    /// AppArmor's profile for it
    #[arg(long, value_name = "PROFILE")]
    apparmor: Option<String>,

    /// SELinux's label for it
    #[arg(long, value_name = "LABEL")]
    process_label: Option<String>,

    /// A group below the container's own, [CONTROLLER:]PATH; may be given more than once
    #[arg(long, value_name = "PATH")]
    cgroup: Vec<String>,

    /// Let it have that many descriptors of the caller's beyond standard input, output and error
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,

    /// Join a container that is paused
    #[arg(long)]
    ignore_paused: bool,

    /// Accepted, as of runc
    #[arg(long, hide = true)]
    no_subreaper: bool,

    /// The container's id
    pub id: String,

    /// The command, and its arguments
    #[arg(trailing_var_arg = true)]
    command: Vec<String>,
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        own_binary::protect()?;
        let container = global.container(&self.id)?;
        let exec = Exec {
            process: self.described(&container)?,
            console_socket: self.console_socket,
            pid_file: self.pid_file,
            detach: self.detach,
            preserve_fds: self.preserve_fds,
            cgroup: self.cgroup,
            ignore_paused: self.ignore_paused,
            explain: global.explain,
        };
        exec.run(&container)
    }

    /// As a file says, or like the container's command but for what the flags say.
    fn described(&self, container: &Container) -> Result<Process> {
        if let Some(file) = &self.process {
            return load_process(file);
        }
        ensure!(!self.command.is_empty(), "exec: neither --process nor a command says what to run");
        let mut process = container.config()?.process.unwrap_or_default();
        process.args.clone_from(&self.command);
        process.terminal = self.tty;
        process.cwd = self.cwd.clone().unwrap_or(process.cwd);
        process.env.extend(self.env.iter().cloned());
        process.user = self.user.clone().unwrap_or(process.user);
        process.user.additional_gids.extend(&self.additional_gids);
        process.no_new_privileges |= self.no_new_privs;
        process.apparmor_profile = self.apparmor.clone().or(process.apparmor_profile);
        process.selinux_label = self.process_label.clone().or(process.selinux_label);
        if let Some(sets) = &mut process.capabilities {
            for set in [&mut sets.bounding, &mut sets.effective, &mut sets.permitted] {
                set.extend(self.cap.iter().cloned());
            }
        }
        Ok(process)
    }
}

fn user(text: &str) -> Result<User> {
    let user: step07::User =
        text.parse().map_err(|_| anyhow!("exec: --user {text:?}: expected UID[:GID]"))?;
    Ok(User { uid: user.uid, gid: user.gid, ..User::default() })
}
