//! An errand: something that the runtime has to do as a container's root, without a command.
//!
//! What an ordinary user's container has made belongs to subordinate ids: on the host, the user
//! may neither read nor remove it. In the container's user namespace, or in another with the same
//! ids, root may; and whoever has made a user namespace may always enter it. See setns(2),
//! user_namespaces(7).

use std::fs::File;

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, setns};
use step06::{Container, Explain, Layer, Process, Stack};

/// Does `act` in a process of its own, on top of these layers. Errors begin with `name`.
pub fn run(
    name: &'static str,
    layers: Stack,
    act: impl FnOnce() -> Result<()> + 'static,
) -> Result<()> {
    let mut container = Container::new(Process::new(Vec::new()), Explain::new(false));
    container.stack = layers;
    container.stack.top(Errand { name, act: Some(act) });
    let code = container.run()?.code();
    ensure!(code == 0, "{name}: its process ended with code {code}");
    Ok(())
}

/// The same in a user namespace that there is already.
pub fn run_in(
    name: &'static str,
    user_namespace: File,
    act: impl FnOnce() -> Result<()> + 'static,
) -> Result<()> {
    let mut layers = Stack::default();
    layers.top(Joined(user_namespace));
    run(name, layers, act)
}

/// The layer that enters a user namespace of another's making.
struct Joined(File);

impl Layer for Joined {
    fn name(&self) -> &'static str {
        "user"
    }

    fn enter(&mut self, _: &Explain) -> Result<()> {
        setns(&self.0, CloneFlags::CLONE_NEWUSER).context("entering the user namespace")
    }
}

/// The top layer. Its container never gets as far as a command.
struct Errand<F> {
    name: &'static str,
    act: Option<F>,
}

impl<F: FnOnce() -> Result<()> + 'static> Layer for Errand<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn enter(&mut self, _: &Explain) -> Result<()> {
        self.act.take().map_or(Ok(()), |act| act())?;
        // SAFETY: only ends the process. For the host, the end of the report pipe is the sign that
        // all went well.
        unsafe { libc::_exit(0) }
    }
}
