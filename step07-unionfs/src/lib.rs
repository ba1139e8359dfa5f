//! Step 7: a union file system, so that many containers can share the same files, and each can
//! change them for itself alone.
//!
//! A *layer* is a directory of files. The kernel's overlay shows a pile of layers as one tree, in
//! which the topmost layer that has a name wins. None of them is ever written to: what the
//! container changes is *copied up* to a directory of its own, the *upper*, and what it deletes is
//! covered there by a *whiteout*.
//!
//! | file | subject |
//! | --- | --- |
//! | `overlay.rs` | the layer |
//! | `options.rs` | the mount call, and how paths become its options |
//! | `changes.rs` | where the upper is: a tmpfs of the container's own, or a directory that is kept |
//! | `whiteout.rs` | how a layer says that something is gone, for the kernel and in an archive |
//! | `union.rs` | an upper and the layers below it, compared path by path |
//! | `diff.rs` | what a container changed |
//! | `commit.rs` | making these changes a new layer |
//! | `copy.rs` | copying a file with all that belongs to it |
//! | `tree.rs`, `xattr.rs` | reading a tree that is not to be trusted |
//! | `handoff.rs` | how the host gets at what a container has mounted for itself |
//! | `errand.rs` | doing something as a container's root, after its end |
//! | `cli.rs` | the flags |
//!
//! Left out here, on purpose: images, archives and storage drivers, which come with the final
//! runtime; and what is mounted on other directories of a layer, as overlay takes a layer to be one
//! file system.

mod changes;
mod cli;
mod commit;
mod copy;
mod diff;
pub mod errand;
mod handoff;
mod options;
mod overlay;
mod tree;
mod union;
pub mod whiteout;
pub mod xattr;

pub use cli::Args;
pub use commit::vacant;
pub use diff::{Change, Kind, same};
pub use handoff::Handoff;
pub use options::Parts;
pub use overlay::Overlay;
pub use step06::{self, *};
pub use tree::{Node, Tree};
pub use union::{Entry, Union};
pub use whiteout::{Archived, Marks};
