//! Storage drivers: how the layers of an image become the root file system of a container.
//!
//! A *snapshot* is a file system at one moment of its life. It begins as what its parent is, or
//! empty, and can be written to; when it is *sealed* it stays as it is for ever, and can be the
//! parent of others. An image is a chain of sealed snapshots, one a layer; a container has one of
//! its own on top.
//!
//! ```text
//!   prepare(a)       ──▶ unpack layer 1 ──▶ seal(a)
//!   prepare(b, a)    ──▶ unpack layer 2 ──▶ seal(b)      a ◀── b is an image
//!   prepare(c1, b)   ──▶ a container writes to it        a ◀── b ◀── c1
//!   prepare(c2, b)   ──▶ another one does                      └──── c2
//! ```
//!
//! A driver knows how that is done with one mechanism of the kernel: a union mount, a thin volume,
//! a subvolume, a copy. What all have in common is written once, in `snapshots.rs`: which
//! snapshots there are, whose parent is whose, what may be removed, what a crash has left.
//!
//! | file | subject |
//! | --- | --- |
//! | `snapshots.rs` `record.rs` `key.rs` | what all have in common |
//! | `overlay.rs` `btrfs/` `devicemapper/` `vfs.rs` | one driver each |
//! | `choice.rs` `drivers.rs` | which of them, by name or by what the host can do |
//! | `apply.rs`, `changed.rs` | an image's layer as a snapshot, and a snapshot as a layer |
//! | `mounted.rs` `file.rs` | getting at the files in one |
//! | `extents.rs` `usage.rs` | how much room it takes |

mod apply;
pub mod btrfs;
mod changed;
mod choice;
pub mod devicemapper;
mod drivers;
pub mod extents;
mod file;
mod key;
mod mounted;
pub mod overlay;
mod record;
mod snapshots;
mod usage;
pub mod vfs;

use std::path::PathBuf;

use anyhow::Result;
use step07::Explain;

pub use changed::Changed;
pub use choice::Choice;
pub use drivers::Drivers;
pub use file::find;
pub use key::Key;
pub use mounted::mount_device;
pub use record::{Record, Stage};
pub use snapshots::Snapshots;

/// One mechanism for snapshots. It keeps nothing in mind: a program may be killed at any moment,
/// and another one goes on with what is on the disk.
///
/// Whoever calls it holds the store's lock, has checked that parents are there and sealed, and
/// that nobody removes a parent. A call that fails has left nothing, or what the same call, or
/// `remove`, deals with.
// ANCHOR: driver-trait
pub trait Driver {
    /// As in `--storage-driver`.
    fn name(&self) -> &'static str;

    /// Makes a snapshot that can be written to: as `parent` is, or an empty directory of mode 0755.
    fn prepare(&self, key: &Key, parent: Option<&Key>) -> Result<()>;

    /// Host: how to mount a snapshot. Makes it mountable first, if that takes something (a device).
    ///
    /// `chain` is the snapshot and those below it, itself first.
    fn root(&self, chain: &[Key], access: Access) -> Result<Root>;

    /// Where the content of an archive goes to become the first snapshot of `chain`, which is as
    /// `prepare` made it; and what becomes of the archive's whiteouts there.
    fn staging(&self, chain: &[Key]) -> Result<(Root, Whiteouts)> {
        Ok((self.root(chain, Access::Write)?, Whiteouts::Apply))
    }

    /// Gives back what `root` took, as soon as nobody has it mounted. Does no harm twice.
    fn put(&self, _key: &Key) -> Result<()> {
        Ok(())
    }

    /// Sees to it that what was written to a snapshot is on the disk, and is not changed any more.
    fn seal(&self, key: &Key) -> Result<()>;

    /// Removes a snapshot that no other has as its parent, or what is left of one that was half
    /// made. One that is not there is no error.
    fn remove(&self, key: &Key) -> Result<()>;

    /// Bytes on the disk that would be free again without this snapshot, as far as the mechanism
    /// can tell.
    fn usage(&self, key: &Key) -> Result<u64>;

    /// The directory in which what a snapshot has more than its parent can be seen, if there is one.
    fn changes(&self, _key: &Key) -> Option<PathBuf> {
        None
    }

    /// Those that this driver has, half made ones included.
    fn keys(&self) -> Result<Vec<Key>>;

    /// Brings the mechanism's own records in order after a crash, and says what was mended, one
    /// line each.
    fn mend(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Has what it does to the kernel told.
    fn narrate(&self, _explain: Explain) {}

    /// What a person may want to know of it: name and value.
    fn info(&self) -> Result<Vec<(&'static str, String)>> {
        Ok(Vec::new())
    }
}
// ANCHOR_END: driver-trait

/// What a snapshot is mounted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To look at it: nothing in it changes.
    Read,
    /// To change it. It must not be sealed.
    Write,
}

/// What becomes of the whiteouts of an archive, which say that a file of the layers below is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whiteouts {
    /// The file is there, from the parent, and is removed.
    Apply,
    /// They become the marks of an overlay.
    Mark {
        /// The directories of the layers below, the topmost first.
        below: Vec<PathBuf>,
    },
}

/// How a snapshot is mounted. Who mounts it, and in which mount namespace, is not the driver's
/// business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// It is there already, as a directory.
    Directory(PathBuf),
    /// An overlay of directories, the lowest first.
    Overlay {
        /// Those that stay as they are.
        lower: Vec<PathBuf>,
        /// The directory with `upper` and `work` in it, if it is to be written to.
        changes: Option<PathBuf>,
    },
    /// A block device with a file system on it.
    Device {
        /// The device's node.
        path: PathBuf,
        /// As in `mount -t`.
        filesystem: &'static str,
        /// As in `mount -o`.
        options: String,
    },
}
