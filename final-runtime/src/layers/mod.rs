//! The layers that the steps do not have.

pub mod join;
pub mod loopback;
pub mod rootfs;
pub mod seccomp;
pub mod session;
pub mod stdio;
pub mod terminal;
