//! Step 03.

pub use step02::{self, *};
