//! The layers that the steps do not have.

pub mod join;
pub mod rootfs;
pub mod stdio;
pub mod terminal;
