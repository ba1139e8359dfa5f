//! The tar format: a strict reader and a plain writer.
//!
//! Readers of archives disagree on what is not quite as it should be, and where two of them
//! disagree, one sees files that the other has passed over: an archive can hide from whoever checks
//! it what it holds for whoever unpacks it. So what others mend here is an error. Which dialects
//! are read: POSIX (ustar, pax), GNU's, and the old one that had no name. See pax(1), tar(5).
//!
//! | file | subject |
//! | --- | --- |
//! | `blocks.rs` | an archive is made of blocks |
//! | `header.rs` | the block before each file |
//! | `number.rs` | numbers in it |
//! | `pax.rs` | extended headers: what does not fit in that block |
//! | `entry.rs` | one file, from all its headers |
//! | `sparse.rs` | files with holes |
//! | `read.rs` | one entry after the other |
//! | `write.rs`, `draft.rs` | the way back, in POSIX's dialect |

mod blocks;
mod draft;
mod entry;
mod header;
mod number;
mod pax;
mod read;
mod sparse;
mod write;

pub use entry::{Entry, Kind, Time};
pub use read::Archive;
pub use sparse::{Extent, Map};
pub use write::Writer;
