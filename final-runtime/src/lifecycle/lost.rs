//! Containers whose runtime was killed: what is written down of them is put right.
//!
//! The runtime holds a lock on its container's directory. The kernel drops the lock if the runtime
//! is killed: a container in `live` that nobody holds is one left behind. What such containers have
//! left elsewhere on the host, the layers find by themselves (`Layer::recover`).

use std::{collections::BTreeSet, os::fd::AsFd, time::Duration};

use anyhow::Result;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{
    container::{Container, live},
    containers::Containers,
    lock::{self, try_lock},
    record::{Config, Keep, State, load},
};

/// How long a process that has been killed may take to end.
const PATIENCE: Duration = Duration::from_secs(2);

impl Containers {
    /// Writes down the end of those whose runtime was killed, and removes those of them that were
    /// to be removed at their end. Returns the groups in which theirs were.
    pub fn recover(&self) -> Result<BTreeSet<String>> {
        let mut parents = BTreeSet::new();
        if self.live()?.iter().all(|id| lock::is_locked(&self.dir(id))) {
            return Ok(parents); // so that nobody waits for the store without need
        }
        let _store = self.lock()?;
        for id in self.live()? {
            let dir = self.dir(&id);
            match dir.exists().then(|| try_lock(&dir)).transpose()? {
                Some(Some(_lock)) => parents.extend(self.bury(&id)?),
                Some(None) => continue,
                // Killed before anything but the sign of it was made, or after all was removed.
                None => self.forget(&id)?,
            }
            let _ = std::fs::remove_file(live(&dir)); // another may have been faster
        }
        Ok(parents)
    }

    /// One that nobody looks after any more.
    fn bury(&self, id: &str) -> Result<Option<String>> {
        let dir = self.dir(id);
        let Ok(config) = load::<Config>(&dir.join("config.json")) else {
            // Killed before it had written its record: nothing of it was ever to be seen.
            self.forget(id)?;
            return Ok(None);
        };
        let parent = config.cgroup_parent.clone();
        // A state that a power failure has damaged was that of a container that ran.
        let state = load(&dir.join("state.json"));
        let unborn = matches!(state, Ok(State::Created));
        // The name is what goes first when one is removed.
        let half_removed = self.names_of(id)?.is_empty();
        let mut container = Container { config, state: state.unwrap_or(State::Created), dir };
        end(&container)?;
        if container.config.auto_remove || unborn || half_removed {
            self.forget(id)?;
        } else {
            self.put(id)?;
        }
        if !matches!(container.state, State::Exited { .. }) && container.dir.exists() {
            container.state = container.state.ended(137, Some("its runtime was killed".into()));
            container.save_state(Keep::Safe)?;
        }
        Ok(Some(parent))
    }
}

/// The kernel kills a container with its runtime, unless the command has executed a set-user-ID
/// program, which nobody's death may concern. See PR_SET_PDEATHSIG(2const).
fn end(container: &Container) -> Result<()> {
    if let Some((_, pidfd)) = container.process()? {
        let _ = container.signal(&pidfd, libc::SIGKILL); // it may have ended by now
        let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
        poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], patience)?;
    }
    Ok(())
}
