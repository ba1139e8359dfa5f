//! What an OCI runtime does with a bundle. The tests' subjects are in the files beside this one.
//!
//! They use nothing but the OCI command line, so that another runtime can be held against them:
//!
//! ```text
//! CONFORMANCE_RUNTIME=/usr/sbin/runc cargo test -p final-runtime --test oci
//! ```
//!
//! Those that compare words are of this runtime alone, and say so by the need `ours`.

#[path = "oci/bundle.rs"]
mod bundle;
#[path = "oci/process.rs"]
mod process;

use bundle::ours;

use process::*;

conformance::checkpoint! {
    // process.rs
    the_process_is_as_described: [Root],
    what_does_not_fit_its_place_is_told_with_the_place: [Root, Other(ours)],
}
