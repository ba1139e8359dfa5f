//! An errand in a container's user namespace, when the container itself has ended.
//!
//! What an ordinary user's container has made belongs to subordinate ids: on the host, the user
//! may neither read nor remove it. In the user namespace root may, and whoever made a user
//! namespace may always enter it. See setns(2), user_namespaces(7).

use std::fs::File;

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, setns};
use step06::{Container, Explain, Layer, Process};

/// Does `act` in a process of its own, in `user_namespace`. Errors begin with `name`.
pub fn run(
    name: &'static str,
    user_namespace: File,
    act: impl FnOnce() -> Result<()> + 'static,
) -> Result<()> {
    let mut container = Container::new(Process::new(vec![]), Explain::new(false));
    container.stack.top(Errand { name, user_namespace, act: Some(act) });
    let status = container.run()?;
    ensure!(status.code() == 0, "{name}: its process ended with {}", status.code());
    Ok(())
}

/// A container of this one layer, which never gets as far as a command.
struct Errand<F> {
    name: &'static str,
    user_namespace: File,
    act: Option<F>,
}

impl<F: FnOnce() -> Result<()> + 'static> Layer for Errand<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn enter(&mut self, _: &Explain) -> Result<()> {
        setns(&self.user_namespace, CloneFlags::CLONE_NEWUSER)
            .context("entering the container's user namespace")?;
        self.act.take().map_or(Ok(()), |act| act())?;
        // SAFETY: only ends the process. What the host waits for is the end of the report pipe.
        unsafe { libc::_exit(0) }
    }
}
