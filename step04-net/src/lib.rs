//! Step 4.

mod run_dir;

pub use run_dir::{RunDir, alive, base};
pub use step03::{self, *};
