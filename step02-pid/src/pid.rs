//! The PID namespace: process numbers of the container's own, beginning with 1.
//!
//! See pid_namespaces(7). The first process in it is special: orphans become its children,
//! signals that it does not handle do not reach it, and when it ends the kernel kills the rest.

use nix::sched::CloneFlags;
use step01::Layer;

/// The layer that makes the container's first process number 1.
// ANCHOR: pid-layer
#[derive(Debug, Default)]
pub struct PidNamespace;

impl Layer for PidNamespace {
    fn name(&self) -> &'static str {
        "pid"
    }

    fn namespaces(&self) -> CloneFlags {
        // ANCHOR: exercise-2-1
        CloneFlags::CLONE_NEWPID
        // ANCHOR_END: exercise-2-1
    }
}
// ANCHOR_END: pid-layer
