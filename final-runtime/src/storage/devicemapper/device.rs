//! Devices of the device-mapper that live as long as somebody has them open.
//!
//! Whoever needs such a device opens it and marks it to be removed at its last close. A mount has it
//! open, and so does the table of a device above it. So it needs nobody to clear it away: when the
//! last container that has it mounted ends, however it ends, the kernel removes the device, with it
//! the pool if that was its last one, and with that the loop devices. See `DM_DEFERRED_REMOVE` in
//! linux/dm-ioctl.h.

use std::{
    fs::{File, OpenOptions},
    path::PathBuf,
    rc::Rc,
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::{errno::Errno, sys::stat::minor};

use super::{
    control::{Control, Device},
    node::{self, Kind},
    packet::Target,
};

/// How often a device may go away before it can be opened.
const ATTEMPTS: usize = 200;
const INTERVAL: Duration = Duration::from_millis(10);

/// A device that is to be there.
pub struct Wanted<'a> {
    /// Its name.
    pub name: &'a str,
    /// What tells it from one of the same name that somebody else has made.
    pub uuid: &'a str,
    /// Its table, if it has to be made.
    pub table: &'a dyn Fn() -> Result<Table>,
    /// Whether the table that it has is as it should be.
    pub fits: &'a dyn Fn(&Target) -> Result<()>,
}

/// A table, and what has to stay open until it is loaded.
pub struct Table(pub Target, pub Vec<File>);

/// A device that is there because this process has it open, at least.
pub struct Hold {
    control: Rc<Control>,
    name: String,
    file: Option<File>,
    /// The device's number.
    pub number: u64,
}

impl Drop for Hold {
    /// The kernel would remove it a moment after this. So it is gone when this returns, unless others
    /// have it open, and the moment in which this process may be killed is a short one.
    fn drop(&mut self) {
        let _ = self.control.keep(&self.name);
        drop(self.file.take());
        let _ = self.control.remove_in_time(&self.name);
    }
}

/// Opens a device, which is made if it is not there. It stays as long as somebody has it open.
pub fn hold(control: &Rc<Control>, wanted: &Wanted) -> Result<Hold> {
    let Wanted { name, uuid, .. } = wanted;
    for _ in 0..ATTEMPTS {
        match control.find(name)? {
            None => make(control, wanted)?,
            Some(found) if found.uuid != *uuid => {
                bail!("the name {name} is taken by a device that is not this store's")
            }
            // Whoever made it was killed before it had a table.
            Some(found) if !found.live => control.remove(name)?,
            Some(found) => match open(&found) {
                Ok(file) => {
                    check(control, wanted, &found)?;
                    control.remove_in_time(name)?;
                    let (control, name) = (Rc::clone(control), (*name).to_owned());
                    return Ok(Hold { control, name, file: Some(file), number: found.number });
                }
                // It is being removed at this moment.
                Err(Errno::ENXIO | Errno::ENOENT | Errno::ENODEV) => sleep(INTERVAL),
                Err(errno) => return Err(errno).with_context(|| format!("opening {name}")),
            },
        }
    }
    bail!("the device {name} goes away as often as it is made")
}

/// Where the node of the device is: the kernel makes it there if `/dev` is a devtmpfs.
pub fn path(number: u64) -> PathBuf {
    format!("/dev/dm-{}", minor(number)).into()
}

/// Opens a device for one who only wants it to stay.
fn open(device: &Device) -> nix::Result<File> {
    let path = path(device.number);
    let opened = node::ensure(&path, Kind::Block, device.number).map_err(|_| Errno::ENODEV);
    let opened = opened.map(|()| OpenOptions::new().read(true).open(path));
    opened?.map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

/// Three steps; who fails at the second or third leaves nothing of the first.
fn make(control: &Control, wanted: &Wanted) -> Result<()> {
    let Table(target, _parts) = (wanted.table)()?;
    control.create(wanted.name, wanted.uuid)?;
    let made = control.load(wanted.name, &target).and_then(|()| control.resume(wanted.name));
    if made.is_err() {
        let _ = control.remove(wanted.name);
    }
    made
}

fn check(control: &Control, wanted: &Wanted, found: &Device) -> Result<()> {
    let table = control.table(wanted.name)?;
    let [target] = &table[..] else { bail!("{} has a table of another kind", wanted.name) };
    (wanted.fits)(target)?;
    match found.suspended {
        true => control.resume(wanted.name), // whoever suspended it was killed
        false => Ok(()),
    }
}
