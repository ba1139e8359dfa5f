//! A container's life: made, supervised while it runs, written down, removed.

pub mod container;
pub mod containers;
pub mod detach;
pub mod files;
mod input;
pub mod limits;
pub mod lock;
pub mod log;
mod lost;
mod output;
mod raw_mode;
pub mod record;
pub mod relay;
pub mod supervise;
pub mod usage;
