//! The device-mapper's ioctl: one command, one question, one answer.
//!
//! See linux/dm-ioctl.h. The version of the interface is 4 since 2003; what comes with a minor
//! version is asked for where it is needed.

use std::{
    fs::{File, OpenOptions, read_to_string},
    os::fd::AsRawFd,
    path::Path,
};

use anyhow::{Context, Result, ensure};
use nix::{errno::Errno, request_code_readwrite, sys::stat::makedev};

use super::{
    node::{self, Kind},
    packet::{HEADER, Packet},
};

/// `DM_*_CMD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Version = 0,
    ListDevices = 2,
    DevCreate = 3,
    DevRemove = 4,
    DevSuspend = 6,
    DevStatus = 7,
    TableLoad = 9,
    TableClear = 10,
    TableStatus = 12,
    TargetMessage = 14,
}

/// `DM_BUFFER_FULL_FLAG`: the answer was longer than the room for it.
const BUFFER_FULL: u32 = 1 << 8;

/// Room for answers, and the most that is ever given: a pool has one line, and a name of a device
/// takes up 140 bytes.
const ROOM: usize = 4 << 10;
const MOST_ROOM: usize = 4 << 20;

/// `DM_DEFERRED_REMOVE` came with 4.27 (Linux 3.13).
const NEEDED: [u32; 2] = [4, 27];

/// The way to the device-mapper.
pub struct Channel(File);

impl Channel {
    /// Opens it, and sees whether this kernel's is new enough.
    pub fn open() -> Result<Self> {
        let channel = Self(open_control()?);
        let answer = channel.ask(Command::Version, Packet::new("", 0)?);
        let answer = answer.context("asking for the version of the device-mapper")?;
        let [major, minor, _] = answer.version();
        ensure!(
            major == NEEDED[0] && minor >= NEEDED[1],
            "this kernel's device-mapper has the interface {major}.{minor}, not {}.{} or later",
            NEEDED[0],
            NEEDED[1]
        );
        Ok(channel)
    }

    /// Sends a question, again with more room if the answer is longer than expected.
    pub fn ask(&self, command: Command, question: Packet) -> Result<Packet> {
        let mut room = ROOM;
        loop {
            let mut packet = question.clone().with_room(room)?;
            self.send(command, packet.bytes())?;
            if packet.flags() & BUFFER_FULL == 0 {
                return Ok(packet);
            }
            room *= 4;
            ensure!(room <= MOST_ROOM, "the answer is longer than {MOST_ROOM} bytes");
        }
    }

    fn send(&self, command: Command, bytes: &mut [u8]) -> nix::Result<()> {
        let request = request_code_readwrite!(0xfd, command as u8, HEADER);
        debug_assert!(bytes.len() >= HEADER);
        // SAFETY: the kernel reads and writes no more than the size that is in the header, which
        // `with_room` has made that of the buffer.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), request, bytes.as_mut_ptr()) };
        Errno::result(result).map(drop)
    }
}

/// `/dev/mapper/control`, whose number is in `/proc/misc`.
fn open_control() -> Result<File> {
    let path = Path::new("/dev/mapper/control");
    if let Some(minor) = misc_minor("device-mapper")? {
        node::ensure(path, Kind::Character, makedev(10, minor))?;
    }
    // Where it is a module, and there is a node, opening that loads it.
    let opened = OpenOptions::new().read(true).write(true).open(path);
    opened.with_context(|| format!("opening {}{}", path.display(), hint(path)))
}

fn hint(path: &Path) -> &'static str {
    match path.exists() {
        true => "",
        false => " (this kernel has no device-mapper; `modprobe dm-thin-pool` may help)",
    }
}

fn misc_minor(name: &str) -> Result<Option<u64>> {
    let text = read_to_string("/proc/misc").context("reading /proc/misc")?;
    let mut lines = text.lines().filter_map(|line| line.trim().split_once(' '));
    let found = lines.find(|(_, known)| *known == name);
    found.map(|(minor, _)| minor.parse().context("reading /proc/misc")).transpose()
}
