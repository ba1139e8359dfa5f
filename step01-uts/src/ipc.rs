//! The IPC namespace: System V message queues, semaphores and shared memory, and POSIX message
//! queues, of the container's own.
//!
//! See ipc_namespaces(7), sysvipc(7), mq_overview(7). (POSIX shared memory is just files under
//! `/dev/shm`; it is step 3 that gives the container its own of those.)

use nix::sched::CloneFlags;

use crate::Layer;

/// The layer that gives the container an empty set of System V IPC objects and message queues.
///
/// The flag is all of it: a new IPC namespace begins empty, and dies with its last process.
#[derive(Debug, Default)]
pub struct Ipc;

impl Layer for Ipc {
    fn name(&self) -> &'static str {
        "ipc"
    }

    fn namespaces(&self) -> CloneFlags {
        // ANCHOR: exercise-1-1
        CloneFlags::CLONE_NEWIPC
        // ANCHOR_END: exercise-1-1
    }
}
