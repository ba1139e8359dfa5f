//! `create`: makes a container, and leaves it at its gate.

use std::path::PathBuf;

use anyhow::Result;

use super::Global;
use crate::{
    oci::{self, Asked, Create},
    own_binary,
};

/// Make a container of a bundle; `start` runs its command
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    making: Making,

    /// What to call it
    id: String,
}

/// How a container is made, for `create` and `run`.
#[derive(clap::Args)]
pub struct Making {
    /// The directory that config.json is in [default: the current one]
    #[arg(short, long, value_name = "DIR")]
    pub bundle: Option<PathBuf>,

    /// A socket at which somebody waits for the container's terminal
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,

    /// A file to write the number of its first process to
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,

    /// Let it have that many descriptors of the caller's beyond standard input, output and error
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,

    /// Change the root by chroot: for a root that is an initramfs
    #[arg(long)]
    no_pivot: bool,

    /// Keep the caller's session keyring
    #[arg(long)]
    no_new_keyring: bool,
}

impl Making {
    /// What the layers are asked for.
    pub fn create(self, global: &Global) -> Create {
        Create {
            bundle: self.bundle.unwrap_or_else(|| ".".into()),
            console_socket: self.console_socket,
            pid_file: self.pid_file,
            asked: Asked {
                preserve_fds: self.preserve_fds,
                no_pivot: self.no_pivot,
                no_new_keyring: self.no_new_keyring,
                systemd_cgroup: global.systemd_cgroup,
            },
            explain: global.explain,
        }
    }
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        own_binary::protect()?;
        oci::create(&global.root(), &self.id, &self.making.create(global))?;
        Ok(0)
    }
}
