//! Step 06.

pub use step05::{self, *};
