//! `stop`: asks a container to end, and makes it end.

use std::os::fd::AsFd;

use anyhow::{Context, Result};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd::Pid,
};
use step07::{clone::pidfd_open, signals::send};

use super::each;
use crate::{lifecycle::containers::Container, store::Store};

/// Stop containers: SIGTERM, and after a time SIGKILL
#[derive(clap::Args)]
pub struct Args {
    /// How long to wait before SIGKILL
    #[arg(short, long, value_name = "SECONDS", default_value_t = 10)]
    time: u16,

    /// Names, ids, or beginnings of ids
    #[arg(required = true)]
    containers: Vec<String>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        each(&self.containers, |name| {
            let container = store.containers.find(name)?;
            end(&container, &[(libc::SIGTERM, Some(self.time)), (libc::SIGKILL, None)])
        })
    }
}

/// Sends signals one after another, each with so many seconds to take effect, until the container
/// has ended; then waits until its runtime has cleared up. One that does not run is left alone.
pub fn end(container: &Container, signals: &[(i32, Option<u16>)]) -> Result<()> {
    let Some(pid) = container.pid() else {
        return container.wait_released();
    };
    let pidfd = pidfd_open(Pid::from_raw(pid)).context("opening the container's pidfd")?;
    if container.pid().is_none() {
        return container.wait_released(); // the descriptor may be another process's
    }
    for &(signal, seconds) in signals {
        if send(pidfd.as_fd(), signal).is_err() {
            break; // it has ended
        }
        let timeout = seconds.map_or(PollTimeout::NONE, |seconds| {
            PollTimeout::try_from(u32::from(seconds) * 1000).unwrap_or(PollTimeout::MAX)
        });
        let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, timeout).context("waiting for the container")? > 0 {
            break;
        }
    }
    container.wait_released()
}
