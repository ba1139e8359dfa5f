//! A container that is made and not yet started: everything stands, and its first process waits to
//! become the command.
//!
//! So an engine can do its part in between, such as connecting the container to a network, and the
//! runtime that made the container need not stay: it is another process that starts it.

use anyhow::Result;

use crate::Failure;

/// Where a container waits for its start. See [`Layer::hold`](crate::Layer::hold).
pub trait Hold {
    /// Container: waits. By then the runtime that made the container may be gone.
    fn wait(&mut self) -> Result<()>;

    /// Container: says to whoever started it that it does not become its command.
    fn failed(&mut self, failure: &Failure);
}
