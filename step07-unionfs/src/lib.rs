//! Step 07.

pub use step06::{self, *};
