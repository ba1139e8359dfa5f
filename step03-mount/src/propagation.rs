//! Mount propagation: what is mounted on one side stays on that side.
//!
//! A new mount namespace begins as a copy of the host's mounts, and most systems mark theirs as
//! "shared": the copies and the originals then pass on to each other what is mounted below them.
//! See mount_namespaces(7), "Shared subtrees".

use anyhow::Result;
use nix::{
    mount::{MsFlags, mount},
    sched::CloneFlags,
};
use step02::{Explain, Layer};

/// The layer that gives the container its own table of mounts, cut off from the host's.
///
/// Below all layers that mount anything.
#[derive(Debug, Default)]
pub struct Propagation;

// ANCHOR: propagation-layer
impl Layer for Propagation {
    fn name(&self) -> &'static str {
        "propagation"
    }

    fn namespaces(&self) -> CloneFlags {
        CloneFlags::CLONE_NEWNS
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        // ANCHOR: exercise-3-1
        explain.act("mount --make-rprivate /", "making all mounts private", || {
            mount(
                None::<&str>,
                "/",
                None::<&str>,
                MsFlags::MS_REC | MsFlags::MS_PRIVATE,
                None::<&str>,
            )
        })
        // ANCHOR_END: exercise-3-1
    }
}
// ANCHOR_END: propagation-layer
