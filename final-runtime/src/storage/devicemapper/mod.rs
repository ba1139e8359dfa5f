//! The devicemapper driver: a snapshot is a block device, with a file system on it, that shares
//! blocks with the one that it was made from.
//!
//! The kernel's *thin pool* keeps blocks, and devices whose blocks are in it. A device takes room
//! for what was written to it, and a snapshot of a device for what has been written to the one or
//! the other since; to make one takes the same time whatever is on it. A file that is changed is
//! copied block by block, not as a whole. What it costs: two containers that read the same file have
//! it in memory twice, as each has a file system of its own.
//!
//! | file | subject |
//! | --- | --- |
//! | `packet.rs`, `ioctl.rs`, `control.rs` | the device-mapper's questions and answers, its ioctl, what can be done with it |
//! | `device.rs`, `table.rs` | devices that go when nobody has them open, and their tables |
//! | `loop_device.rs`, `block.rs`, `node.rs` | files as block devices, block devices, nodes |
//! | `backing.rs`, `pool.rs`, `status.rs`, `room.rs` | what the pool is made of; the pool, how it is, and whether there is room |
//! | `options.rs`, `setup.rs` | what a person asks for, and which pool that makes |
//! | `records.rs`, `change.rs`, `session.rs` | what is written down, and changes that a crash cannot divide |
//! | `thin.rs`, `filesystem.rs` | devices in the pool, and what is on them |
//! | `usage.rs`, `mappings.rs` | what a device has to itself, by the pool's own records |
//! | `driver.rs` | all that as a driver |
//!
//! See the kernel's admin-guide/device-mapper/thin-provisioning.rst.

mod backing;
mod block;
mod change;
pub mod control;
mod device;
mod driver;
mod filesystem;
mod ioctl;
pub mod loop_device;
mod mappings;
mod node;
mod options;
pub mod packet;
mod pool;
mod records;
mod room;
mod session;
mod setup;
mod status;
mod table;
mod thin;
mod usage;

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
};

use anyhow::Result;
use step07::Explain;

pub use filesystem::Filesystem;
pub use options::{Devices, Options};

use crate::store::make_closed_dir;
use session::Held;

/// The driver, and its directory.
///
/// It keeps open what it has made active, and the kernel removes that when it is closed and nobody
/// has it mounted: so a device that [`root`](super::Driver::root) has made is there until this is dropped,
/// or for as long as it is mounted.
pub struct DeviceMapper {
    dir: PathBuf,
    options: Options,
    explain: Cell<Explain>,
    held: RefCell<Held>,
}

impl DeviceMapper {
    /// In the directory `dir`, which is made if it is missing. Nothing else is done yet.
    pub fn open(dir: PathBuf, options: Options) -> Result<Self> {
        make_closed_dir(&dir)?;
        let explain = Cell::new(Explain::new(false));
        Ok(Self { dir, options, explain, held: RefCell::default() })
    }
}
