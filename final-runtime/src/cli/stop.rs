//! `stop`: asks a container to end, and makes it end.

use std::{
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use super::each;
use crate::{lifecycle::container::Container, store::Store};

/// Stop containers: SIGTERM, or what the image asks for, and after a time SIGKILL
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
        let time = Some(Duration::from_secs(self.time.into()));
        each(&self.containers, |name| {
            let container = store.containers.find(name)?;
            let signal = container.config.stop_signal.map_or(libc::SIGTERM, |signal| signal.0);
            end(&container, &[(signal, time), (libc::SIGKILL, None)])
        })
    }
}

/// Sends signals one after another, each with so much time to take effect, until the container
/// has ended; then waits until its runtime has cleared up. One that does not run is left alone.
pub fn end(container: &Container, signals: &[(i32, Option<Duration>)]) -> Result<()> {
    if let Some((_, pidfd)) = container.process()? {
        for &(signal, patience) in signals {
            match container.signal(&pidfd, signal) {
                Err(_) if container.pid().is_none() => break,
                sent => sent?,
            }
            if ends(pidfd.as_fd(), patience)? {
                break;
            }
        }
    }
    container.wait_released()
}

/// Whether the process ends in time.
fn ends(pidfd: BorrowedFd, patience: Option<Duration>) -> Result<bool> {
    let deadline = patience.map(|patience| Instant::now() + patience);
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut [PollFd::new(pidfd, PollFlags::POLLIN)], left) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("waiting for the container"),
        }
    }
}
