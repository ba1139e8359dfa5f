//! Locks on directories. The kernel drops a lock when its holder dies, even by SIGKILL. See
//! flock(2).

use std::{
    fs::File,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

/// A lock that is held until this is dropped.
pub type Lock = Flock<File>;

/// How often a lock is tried whose holder may never let go of it.
const INTERVAL: Duration = Duration::from_millis(5);

/// Waits for the lock, from holders who keep it for moments only.
pub fn lock(dir: &Path) -> Result<Lock> {
    let doing = || format!("locking {}", dir.display());
    Flock::lock(open(dir)?, FlockArg::LockExclusive).map_err(|(_, errno)| errno).with_context(doing)
}

/// The same lock, held by any number of those who do not mind each other.
pub fn share(dir: &Path) -> Result<Lock> {
    let doing = || format!("locking {}", dir.display());
    Flock::lock(open(dir)?, FlockArg::LockShared).map_err(|(_, errno)| errno).with_context(doing)
}

/// `None`: somebody else holds it.
pub fn try_lock(dir: &Path) -> Result<Option<Lock>> {
    match Flock::lock(open(dir)?, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(errno).with_context(|| format!("locking {}", dir.display())),
    }
}

/// Whether somebody holds it. A directory that is gone is held by nobody.
pub fn is_locked(dir: &Path) -> bool {
    let Ok(file) = open(dir) else { return false };
    let free = Flock::lock(file, FlockArg::LockSharedNonblock);
    matches!(free, Err((_, Errno::EWOULDBLOCK)))
}

/// Waits until nobody holds it, but no longer than `patience`. `false`: it is still held.
pub fn wait(dir: &Path, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while is_locked(dir) {
        if Instant::now() > deadline {
            return false;
        }
        sleep(INTERVAL);
    }
    true
}

fn open(dir: &Path) -> Result<File> {
    File::open(dir).with_context(|| format!("opening {}", dir.display()))
}
