//! What checks every step: a probe that looks from inside, a sandbox that keeps tests away from
//! the machine, and a harness that knows what a test needs and what it must not leave behind.
//!
//! | file | subject |
//! | --- | --- |
//! | `checkpoint.rs` | a file of tests with declared needs, and its `main` |
//! | `exercise.rs` | the exercises of a step, and which of them a failure is about |
//! | `need.rs` | what a test may need of the machine, and whether it is there |
//! | `sandbox/` | private namespaces for a test, and the processes that hold and mind them |
//! | `run/` | running a program in a sandbox: arguments, time limit, signals |
//! | `outcome.rs` | how a program ended and what it said |
//! | `process.rs` | processes as `/proc` shows them |
//! | `binary.rs` | the programs of other packages |
//! | `cargo.rs` | cargo, called by a program that it runs |
//! | `disk.rs` | disks: loop devices |
//! | `machine.rs` | a machine that systemd runs |
//! | `rootfs.rs` | root file systems made from the probe |
//! | `traces.rs` | what a program has left behind |
//! | `expect.rs` | assertions that say what was expected, what was seen, and where to read on |
//! | `../probe/` | the probe: a static program that is run as a container's command |
//!
//! A checkpoint looks like this:
//!
//! ```no_run
//! use anyhow::Result;
//! use conformance::{Sandbox, expect};
//!
//! fn hostname_is_its_own(sandbox: &Sandbox) -> Result<()> {
//!     let inside = sandbox.run("/path/of/step01").args(["--hostname", "box"]).report()?;
//!     expect::equal("the host name inside", &inside["hostname"], "box", "uts_namespaces(7)")
//! }
//!
//! conformance::checkpoint! {
//!     hostname_is_its_own,
//! }
//! ```

mod binary;
mod cargo;
pub mod checkpoint;
mod disk;
mod exercise;
pub mod expect;
mod machine;
mod need;
mod outcome;
mod process;
mod rootfs;
mod run;
mod sandbox;
mod temp;
mod traces;

pub use binary::binary;
pub use cargo::cargo;
pub use disk::Disk;
pub use exercise::Exercise;
pub use machine::{Machine, Trees};
pub use need::Need;
pub use outcome::{End, Outcome};
pub use rootfs::Rootfs;
pub use run::{Run, Running};
pub use sandbox::{Sandbox, enter_sandbox, helper, unprivileged};
pub use temp::TempDir;

/// The probe's bytes: a static program, see `probe/main.rs` for what it can do.
pub const PROBE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/probe"));
