//! The checkpoint of step 3.
fn main() {}
