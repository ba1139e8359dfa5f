//! Step 05.

pub use step04::{self, *};
