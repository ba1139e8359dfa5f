//! A container's life: made, supervised while it runs, written down, removed.

pub mod containers;
pub mod detach;
pub mod log;
mod raw_mode;
pub mod record;
pub mod relay;
pub mod supervise;
