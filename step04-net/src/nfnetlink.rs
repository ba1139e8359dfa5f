//! Netfilter's netlink messages, which carry the firewall (`nft.rs`) and connection tracking
//! (`conntrack.rs`): four bytes of header, then attributes, which may hold attributes.
//!
//! See `linux/netfilter/nfnetlink.h`. No library has them as `rtnetlink.rs` has those of links.

use std::convert::Infallible;

use netlink_packet_core::{
    NLA_F_NESTED, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable, NlasIterator,
};
use nix::libc;

/// A message to or from a part of netfilter.
pub(crate) struct Message {
    kind: u16,
    body: Vec<u8>,
}

/// How long the header is: family, version, and two bytes that only transactions use.
const HEADER: usize = 4;

impl Message {
    /// For a subsystem, as in `NFNL_SUBSYS_NFTABLES`.
    pub fn new(subsystem: i32, kind: i32, attributes: &[Vec<u8>]) -> Self {
        Self::with_resource((subsystem << 8 | kind) as u16, 0, attributes)
    }

    /// What begins (`NFNL_MSG_BATCH_BEGIN`) and ends a transaction of a subsystem.
    pub fn bracket(kind: i32, subsystem: i32) -> Self {
        Self::with_resource(kind as u16, subsystem as u16, &[])
    }

    fn with_resource(kind: u16, resource: u16, attributes: &[Vec<u8>]) -> Self {
        let [high, low] = resource.to_be_bytes();
        let header = [libc::NFPROTO_IPV4 as u8, libc::NFNETLINK_V0 as u8, high, low];
        Self { kind, body: [&header[..], &attributes.concat()].concat() }
    }

    /// The bytes of its first attribute of this number.
    pub fn find(&self, number: u16) -> Option<Vec<u8>> {
        find(self.body.get(HEADER..)?, number)
    }
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.body.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.body);
    }
}

impl NetlinkDeserializable for Message {
    type Error = Infallible;

    fn deserialize(header: &NetlinkHeader, body: &[u8]) -> Result<Self, Infallible> {
        Ok(Self { kind: header.message_type, body: body.to_vec() })
    }
}

/// Among attributes, the bytes of the first of this number.
pub(crate) fn find(attributes: &[u8], number: u16) -> Option<Vec<u8>> {
    let mut attributes = NlasIterator::new(attributes).map_while(Result::ok);
    attributes.find(|attribute| attribute.kind() == number).map(|found| found.value().to_vec())
}

/// An attribute: its length without padding, its number, its bytes, padding.
pub(crate) fn attribute(number: u16, bytes: &[u8]) -> Vec<u8> {
    let length = 4 + bytes.len();
    let header = [(length as u16).to_ne_bytes(), number.to_ne_bytes()].concat();
    let padding = &[0; 3][..length.next_multiple_of(4) - length];
    [&header, bytes, padding].concat()
}

/// An attribute made of attributes.
pub(crate) fn nest(number: u16, parts: &[Vec<u8>]) -> Vec<u8> {
    attribute(number | NLA_F_NESTED, &parts.concat())
}

/// An attribute that is a string.
pub(crate) fn text(number: u16, text: &str) -> Vec<u8> {
    attribute(number, &[text.as_bytes(), &[0]].concat())
}

/// An attribute that is a number; netfilter has them in network byte order.
pub(crate) fn number(number: u16, value: u32) -> Vec<u8> {
    attribute(number, &value.to_be_bytes())
}
