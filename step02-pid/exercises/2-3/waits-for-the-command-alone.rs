// wrong: nobody waits for the orphans, which stay as zombies
// says: the zombies that are left is not as it should be
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
match waitpid(command, Some(WaitPidFlag::WNOHANG)).context("reaping")? {
    WaitStatus::Exited(_, code) => Ok(Some(Status::Exited((code & 0xff) as u8))),
    WaitStatus::Signaled(_, signal, _) => Ok(Some(Status::Killed(signal as i32))),
    _ => Ok(None),
}
