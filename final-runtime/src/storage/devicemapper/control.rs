//! What can be done with devices of the device-mapper.
//!
//! Such a device is a name, a number, and two slots for tables. A new table is loaded into the
//! inactive slot, and becomes active when the device is resumed; so it takes three steps to make
//! one: create, load, resume. Each act here is narrated as the dmsetup(8) that would do the same.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::errno::Errno;
use step07::{Explain, sh};

use super::{
    ioctl::{Channel, Command},
    packet::{Packet, Target},
};

/// `DM_*_FLAG`.
mod flag {
    pub const SUSPEND: u32 = 1 << 1;
    pub const STATUS_TABLE: u32 = 1 << 4;
    pub const ACTIVE_PRESENT: u32 = 1 << 5;
    pub const DEFERRED_REMOVE: u32 = 1 << 17;
}

/// What udev's rules for the device-mapper are told, as libdevmapper tells them: to make the links
/// in `/dev/mapper`, and not to look into the device, which would keep it busy meanwhile. These are
/// `DM_UDEV_DISABLE_{SUBSYSTEM,DISK,OTHER}_RULES_FLAG`, shifted by `DM_UDEV_FLAGS_SHIFT`.
const UDEV: u32 = (0x2 | 0x4 | 0x8) << 16;

/// How often one that is busy is tried again, and for how long: whoever looks at new devices, as
/// udev does, and the end of a mount namespace take moments.
const INTERVAL: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(2);

/// A device as it is at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub number: u64,
    /// Empty if it has none.
    pub uuid: String,
    /// How many have it open.
    pub open: u32,
    /// Whether it has a table.
    pub live: bool,
    /// Whether all that is written to it waits.
    pub suspended: bool,
}

/// The device-mapper, for one who narrates what is done with it.
pub struct Control {
    channel: Channel,
    explain: Explain,
}

impl Control {
    /// Opens it.
    pub fn open(explain: Explain) -> Result<Self> {
        Ok(Self { channel: Channel::open()?, explain })
    }

    /// The names of all devices, whoever has made them.
    pub fn names(&self) -> Result<Vec<String>> {
        let answer = self.channel.ask(Command::ListDevices, Packet::new("", 0)?);
        answer.and_then(|answer| answer.names()).context("listing the devices")
    }

    /// The device of this name, if there is one.
    pub fn find(&self, name: &str) -> Result<Option<Device>> {
        let answer = match self.channel.ask(Command::DevStatus, Packet::new(name, 0)?) {
            Err(error) if is(&error, Errno::ENXIO) => return Ok(None),
            answer => answer.with_context(|| format!("looking for the device {name}"))?,
        };
        Ok(Some(Device {
            number: answer.device(),
            uuid: answer.uuid_of_device(),
            open: answer.open_count(),
            live: answer.flags() & flag::ACTIVE_PRESENT != 0,
            suspended: answer.flags() & flag::SUSPEND != 0,
        }))
    }

    /// A new device, without a table.
    pub fn create(&self, name: &str, uuid: &str) -> Result<()> {
        let shell = sh(["dmsetup", "create", name, "--uuid", uuid, "--notable"]);
        let question = Packet::new(name, 0)?.uuid(uuid)?;
        self.act(shell, format!("creating the device {name}"), Command::DevCreate, question)
    }

    /// Loads a table into the inactive slot.
    pub fn load(&self, name: &str, target: &Target) -> Result<()> {
        let Target { start, length, kind, words } = target;
        let table = format!("{start} {length} {kind} {words}");
        let shell = sh(["dmsetup", "load", name, "--table", &table]);
        let question = Packet::new(name, 0)?.table(target)?;
        let doing = format!("loading the table \"{table}\" of {name}");
        self.act(shell, doing, Command::TableLoad, question)
    }

    /// Empties the inactive slot.
    pub fn clear(&self, name: &str) -> Result<()> {
        let doing = format!("clearing the table of {name}");
        self.act(sh(["dmsetup", "clear", name]), doing, Command::TableClear, Packet::new(name, 0)?)
    }

    /// Waits for what is being written, brings a file system on it into order, and holds up all
    /// that follows.
    pub fn suspend(&self, name: &str) -> Result<()> {
        let question = Packet::new(name, flag::SUSPEND)?.event(UDEV);
        let doing = format!("suspending {name}");
        self.act(sh(["dmsetup", "suspend", name]), doing, Command::DevSuspend, question)
    }

    /// Makes the table that has been loaded the active one, if there is one, and goes on.
    pub fn resume(&self, name: &str) -> Result<()> {
        let question = Packet::new(name, 0)?.event(UDEV);
        let doing = format!("resuming {name}");
        self.act(sh(["dmsetup", "resume", name]), doing, Command::DevSuspend, question)
    }

    /// Removes a device that nobody has open, or waits a little for those who have. One that is not
    /// there is no error.
    pub fn remove(&self, name: &str) -> Result<()> {
        let removing = || {
            let question = Packet::new(name, 0)?.event(UDEV);
            self.channel.ask(Command::DevRemove, question).map(drop)
        };
        self.explain.act(
            sh(["dmsetup", "remove", "--retry", name]),
            format!("removing {name}"),
            || unless_gone(patiently(removing)),
        )
    }

    /// Removes a device as soon as nobody has it open, even if this process is dead by then.
    pub fn remove_in_time(&self, name: &str) -> Result<()> {
        let shell = sh(["dmsetup", "remove", "--deferred", name]);
        let removing = || {
            let question = Packet::new(name, flag::DEFERRED_REMOVE)?.event(UDEV);
            self.channel.ask(Command::DevRemove, question).map(drop)
        };
        self.explain.act(shell, format!("removing {name} in time"), || unless_gone(removing()))
    }

    /// Takes back that a device is to be removed in time. Nothing else has changed, so nothing is told.
    pub fn keep(&self, name: &str) -> Result<()> {
        let question = Packet::new(name, 0)?.message("@cancel_deferred_remove")?;
        self.channel.ask(Command::TargetMessage, question).map(drop)
    }

    /// The active table.
    pub fn table(&self, name: &str) -> Result<Vec<Target>> {
        self.targets(name, flag::STATUS_TABLE)
            .with_context(|| format!("reading the table of {name}"))
    }

    /// What the targets say of themselves.
    pub fn status(&self, name: &str) -> Result<Vec<Target>> {
        self.targets(name, 0).with_context(|| format!("reading the status of {name}"))
    }

    /// Says something to the target. See the kernel's document of the target for what it knows.
    pub fn message(&self, name: &str, message: &str) -> Result<()> {
        let shell = sh(["dmsetup", "message", name, "0", message]);
        let question = Packet::new(name, 0)?.message(message)?;
        let doing = format!("sending {name} the message \"{message}\"");
        self.act(shell, doing, Command::TargetMessage, question)
    }

    fn targets(&self, name: &str, flags: u32) -> Result<Vec<Target>> {
        self.channel.ask(Command::TableStatus, Packet::new(name, flags)?)?.targets()
    }

    fn act(&self, shell: String, doing: String, command: Command, question: Packet) -> Result<()> {
        self.explain.act(shell, doing, || self.channel.ask(command, question).map(drop))
    }
}

/// Whether this error is the cause.
pub fn is(error: &anyhow::Error, errno: Errno) -> bool {
    error.downcast_ref() == Some(&errno)
}

/// Tries what may be busy for a while.
pub fn patiently(mut act: impl FnMut() -> Result<()>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match act() {
            Err(error) if is(&error, Errno::EBUSY) && Instant::now() < deadline => sleep(INTERVAL),
            other => return other,
        }
    }
}

fn unless_gone(removed: Result<()>) -> Result<()> {
    match removed {
        Err(error) if is(&error, Errno::ENXIO) => Ok(()),
        removed => removed,
    }
}
