//! What the device-mapper is sent and answers: a header, and what belongs to the command, as bytes.
//!
//! The layout is that of linux/dm-ioctl.h: `struct dm_ioctl`, and after it `struct dm_target_spec`,
//! `dm_target_msg` or `dm_name_list`. Numbers have the machine's own byte order. What the kernel
//! says is read with every length checked, though nobody doubts it: a reader of bytes that trusts
//! them is a habit that one does not want to have.

use anyhow::{Context, Result, bail, ensure};

/// `sizeof(struct dm_ioctl)`: 10 numbers of 4 bytes, one of 8, a name, a UUID, 7 bytes of padding.
pub const HEADER: usize = 312;
/// `DM_NAME_LEN`, with the zero at the end.
const NAME_LENGTH: usize = 128;
/// `DM_UUID_LEN`, with the zero at the end.
const UUID_LENGTH: usize = 129;
/// `sizeof(struct dm_target_spec)`.
const SPEC: usize = 40;
/// `DM_MAX_TYPE_NAME`, with the zero at the end.
const TYPE_LENGTH: usize = 16;

/// Where things are in the header.
mod at {
    pub const VERSION: usize = 0;
    pub const DATA_SIZE: usize = 12;
    pub const DATA_START: usize = 16;
    pub const TARGET_COUNT: usize = 20;
    pub const OPEN_COUNT: usize = 24;
    pub const FLAGS: usize = 28;
    pub const EVENT: usize = 32;
    pub const DEVICE: usize = 40;
    pub const NAME: usize = 48;
    pub const UUID: usize = 176;
}

/// A part of a device, and what does its work: one line of a table. In sectors of 512 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it begins.
    pub start: u64,
    /// How long it is.
    pub length: u64,
    /// As in `dmsetup targets`.
    pub kind: String,
    /// What a table says to the target; what the target says in a status.
    pub words: String,
}

/// A question, and in its place the answer.
#[derive(Clone, Debug)]
pub struct Packet(Vec<u8>);

impl Packet {
    /// About the device of this name, or about none.
    pub fn new(name: &str, flags: u32) -> Result<Self> {
        let mut packet = Self(vec![0; HEADER]);
        // The oldest of this major version: whoever knows a later one understands it.
        packet.put(at::VERSION, &4u32.to_ne_bytes());
        packet.put(at::DATA_START, &(HEADER as u32).to_ne_bytes());
        packet.put(at::FLAGS, &flags.to_ne_bytes());
        packet.text(at::NAME, name, NAME_LENGTH).context("the device's name")?;
        Ok(packet)
    }

    /// With a UUID for a new device.
    pub fn uuid(mut self, uuid: &str) -> Result<Self> {
        self.text(at::UUID, uuid, UUID_LENGTH).context("the device's UUID")?;
        Ok(self)
    }

    /// With what udev is to be told about the change.
    pub fn event(mut self, event: u32) -> Self {
        self.put(at::EVENT, &event.to_ne_bytes());
        self
    }

    /// With a table of one line.
    pub fn table(mut self, target: &Target) -> Result<Self> {
        ensure!(target.kind.len() < TYPE_LENGTH, "no target is called {:?}", target.kind);
        let spec = self.0.len();
        self.0.resize(spec + SPEC, 0);
        self.put(spec, &target.start.to_ne_bytes());
        self.put(spec + 8, &target.length.to_ne_bytes());
        self.put(spec + 24, target.kind.as_bytes());
        self.0.extend(c_text(&target.words)?);
        // Where the next one would begin: kernels since 6.3 want it aligned.
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        let next = u32::try_from(self.0.len() - spec)?;
        self.put(spec + 20, &next.to_ne_bytes());
        self.put(at::TARGET_COUNT, &1u32.to_ne_bytes());
        Ok(self)
    }

    /// With a message to the target at sector 0.
    pub fn message(mut self, message: &str) -> Result<Self> {
        self.0.extend(0u64.to_ne_bytes());
        self.0.extend(c_text(message)?);
        Ok(self)
    }

    /// With room for an answer of so many bytes, and ready to be sent.
    pub fn with_room(mut self, room: usize) -> Result<Self> {
        self.0.resize(self.0.len().max(HEADER + room), 0);
        let size = u32::try_from(self.0.len())?;
        self.put(at::DATA_SIZE, &size.to_ne_bytes());
        Ok(self)
    }

    /// For the kernel to read and to write to. It goes no further than the size in the header.
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Major, minor and patch level of the kernel's interface.
    pub fn version(&self) -> [u32; 3] {
        [0, 4, 8].map(|at| self.number(at::VERSION + at))
    }

    /// `DM_*_FLAG`.
    pub fn flags(&self) -> u32 {
        self.number(at::FLAGS)
    }

    /// How many have the device open: descriptors, mounts, other devices.
    pub fn open_count(&self) -> u32 {
        self.number(at::OPEN_COUNT)
    }

    /// The device's number.
    pub fn device(&self) -> u64 {
        u64::from_ne_bytes(array(&self.0, at::DEVICE).unwrap_or_default())
    }

    /// The device's UUID; empty if it has none.
    pub fn uuid_of_device(&self) -> String {
        let text = text_at(&self.0[..at::UUID + UUID_LENGTH], at::UUID);
        text.unwrap_or_default()
    }

    /// The lines of a table or a status.
    pub fn targets(&self) -> Result<Vec<Target>> {
        let answer = self.answer()?;
        let (mut targets, mut at) = (Vec::new(), 0);
        for _ in 0..self.number(at::TARGET_COUNT) {
            let spec = answer.get(at..).context("a target beyond the end")?;
            let number = |at| array(spec, at).map(u64::from_ne_bytes);
            targets.push(Target {
                start: number(0)?,
                length: number(8)?,
                kind: text_at(spec.get(..SPEC).context("half a target")?, 24)?,
                words: text_at(spec, SPEC)?,
            });
            // Unlike in a question it is counted from the first one.
            at = u32::from_ne_bytes(array(spec, 20)?) as usize;
        }
        Ok(targets)
    }

    /// The names in a list of devices.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut rest = self.answer()?;
        let mut names = Vec::new();
        // Where there is none the kernel says nothing, or that the number of the first is 0.
        while !rest.is_empty() && u64::from_ne_bytes(array(rest, 0)?) != 0 {
            names.push(text_at(rest, 12)?);
            match u32::from_ne_bytes(array(rest, 8)?) as usize {
                0 => break,
                next => rest = rest.get(next..).context("a name beyond the end")?,
            }
        }
        Ok(names)
    }

    /// What follows the header, as far as the kernel has written.
    fn answer(&self) -> Result<&[u8]> {
        let (start, size) = (self.number(at::DATA_START), self.number(at::DATA_SIZE));
        self.0.get(start as usize..size as usize).context("an answer beyond its end")
    }

    fn number(&self, at: usize) -> u32 {
        u32::from_ne_bytes(array(&self.0, at).unwrap_or_default())
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn text(&mut self, at: usize, text: &str, room: usize) -> Result<()> {
        let text = c_text(text)?;
        ensure!(text.len() <= room, "it is longer than {} bytes", room - 1);
        self.put(at, &text);
        Ok(())
    }
}

fn c_text(text: &str) -> Result<Vec<u8>> {
    if text.contains('\0') {
        bail!("there is a zero byte in {text:?}");
    }
    Ok([text.as_bytes(), b"\0"].concat())
}

/// The text that begins there.
fn text_at(bytes: &[u8], at: usize) -> Result<String> {
    let text = bytes.get(at..).context("a text beyond the end")?;
    let length = text.iter().position(|byte| *byte == 0).context("a text without an end")?;
    Ok(String::from_utf8_lossy(&text[..length]).into_owned())
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    bytes
        .get(at..)
        .and_then(|bytes| bytes.first_chunk())
        .copied()
        .context("a number beyond the end")
}

#[cfg(test)]
mod tests;
