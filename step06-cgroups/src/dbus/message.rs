//! A message: a header that says what it is and for whom, and a body.

use anyhow::{Context, Result, bail, ensure};

use super::wire::{Reader, Writer};

/// The machine's own order of bytes, in which both sides of a socket speak.
const ORDER: u8 = if cfg!(target_endian = "little") { b'l' } else { b'B' };
const VERSION: u8 = 1;

/// The part of a header whose length is known: enough to tell the length of the rest.
pub const FIXED: usize = 16;

/// What this program asks is answered in a few hundred bytes. The protocol allows 128 MiB.
const MOST: usize = 1 << 20;

// The fields of a header.
const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const ERROR_NAME: u8 = 4;
const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
const SIGNATURE: u8 = 8;

/// A method call.
#[derive(Debug)]
pub struct Call<'a> {
    /// Whose object it is: a name on the bus.
    pub destination: &'a str,
    /// The object.
    pub path: &'a str,
    /// The group of methods.
    pub interface: &'a str,
    /// The method.
    pub member: &'a str,
    /// The types of what is in the body.
    pub signature: &'a str,
    /// The arguments.
    pub body: Vec<u8>,
}

impl Call<'_> {
    /// As it is sent. The answer will have the serial number in it.
    pub fn to_bytes(&self, serial: u32) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(ORDER);
        out.byte(1); // a method call
        out.byte(0); // no flags: it wants an answer
        out.byte(VERSION);
        out.u32(u32::try_from(self.body.len()).expect("a request is a few kilobytes"));
        out.u32(serial);
        out.array(8, |out| {
            let fields = [
                (PATH, "o", self.path),
                (MEMBER, "s", self.member),
                (INTERFACE, "s", self.interface),
                (DESTINATION, "s", self.destination),
            ];
            for (code, kind, text) in fields {
                out.align(8);
                out.byte(code);
                out.signature(kind);
                out.string(text);
            }
            if !self.signature.is_empty() {
                out.align(8);
                out.byte(SIGNATURE);
                out.signature("g");
                out.signature(self.signature);
            }
        });
        out.align(8);
        let mut bytes = out.into_bytes();
        bytes.extend(&self.body);
        bytes
    }
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A method call.
    Call,
    /// Its answer.
    Return,
    /// Its answer if it went wrong.
    Error,
    /// News for whoever cares.
    Signal,
}

/// A message that was received.
#[derive(Debug)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// The call that it answers.
    pub reply_to: Option<u32>,
    /// The name of the error that it tells of.
    pub error: Option<String>,
    /// The types of what is in the body.
    pub signature: String,
    /// What it brings.
    pub body: Vec<u8>,
}

/// How long the message is that begins with these bytes.
pub fn length(fixed: &[u8; FIXED]) -> Result<usize> {
    ensure!(fixed[0] == ORDER, "the message is in another order of bytes");
    ensure!(fixed[3] == VERSION, "the message is of another version of D-Bus ({})", fixed[3]);
    let number =
        |at: usize| u32::from_ne_bytes(fixed[at..at + 4].try_into().expect("four bytes")) as usize;
    let (body, fields) = (number(4), number(12));
    ensure!(body <= MOST && fields <= MOST, "the message is too long");
    Ok((FIXED + fields).next_multiple_of(8) + body)
}

impl Message {
    /// Reads one, which must be as long as [`length`] says.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let fixed = bytes.first_chunk().context("the message has no header")?;
        ensure!(length(fixed)? == bytes.len(), "the message has another length than it says");
        let mut reader = Reader::new(bytes);
        reader.byte()?;
        let kind = match reader.byte()? {
            1 => Kind::Call,
            2 => Kind::Return,
            3 => Kind::Error,
            4 => Kind::Signal,
            other => bail!("the message is of an unknown kind ({other})"),
        };
        let (_flags, _version, _body_length) = (reader.byte()?, reader.byte()?, reader.u32()?);
        ensure!(reader.u32()? != 0, "the message has no serial number");
        let mut message =
            Self { kind, reply_to: None, error: None, signature: String::new(), body: Vec::new() };
        let end = reader.array_end(8)?;
        while reader.at() < end {
            reader.align(8)?;
            message.field(&mut reader)?;
        }
        ensure!(reader.at() == end, "the header's fields are longer than they say");
        reader.align(8)?;
        message.body = bytes[reader.at()..].to_vec();
        let answers = message.reply_to.is_some();
        match kind {
            Kind::Return => ensure!(answers, "an answer does not say to what"),
            Kind::Error => {
                ensure!(answers && message.error.is_some(), "an error does not say which");
            }
            Kind::Call | Kind::Signal => {}
        }
        Ok(message)
    }

    /// Of the fields that say whose it is and for whom, and of those that are to come, only the
    /// length matters here.
    fn field(&mut self, reader: &mut Reader) -> Result<()> {
        let (code, kind) = (reader.byte()?, reader.signature()?);
        let (text, number) = match kind {
            "s" | "o" => (Some(reader.string()?), None),
            "g" => (Some(reader.signature()?), None),
            "u" => (None, Some(reader.u32()?)),
            _ => bail!("the header has a field {code} of type {kind:?}"),
        };
        let wrong = || format!("the header's field {code} is of type {kind:?}");
        match code {
            REPLY_SERIAL => self.reply_to = Some(number.with_context(wrong)?),
            ERROR_NAME => self.error = Some(text.with_context(wrong)?.to_string()),
            SIGNATURE => self.signature = text.with_context(wrong)?.to_string(),
            _ => {}
        }
        Ok(())
    }

    /// The first of the values that it brings, if that is a string or the path of an object.
    pub fn text(&self) -> Result<&str> {
        ensure!(
            self.signature.starts_with(['s', 'o']),
            "a string was expected, and types {:?} came",
            self.signature
        );
        Reader::new(&self.body).string()
    }
}

#[cfg(test)]
pub(super) mod tests;
