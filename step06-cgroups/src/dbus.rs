//! D-Bus, as far as one needs it who asks systemd for something: calls and their answers.
//!
//! A message is a header and a body, both of plain values; a peer that is called answers with a
//! return or an error. Left out are signals, file descriptors, big messages and all else that a
//! program needs that is called itself. The libraries that know all of it bring an asynchronous
//! runtime (`zbus`, 85 crates) or wait without end when they say who they are (`rustbus`). See the
//! D-Bus specification (dbus.freedesktop.org).

mod connection;
mod message;
mod wire;

pub use connection::{Connection, Deadline, Refused};
pub use message::{Call, Message};
pub use wire::{Value, Writer};
