//! What an nf_tables rule is made of: conditions on a packet, and what becomes of it.
//!
//! The kernel runs rules on a small virtual machine: an expression loads a field of the packet into
//! a register, another compares the register, and so on until one does not match. Beside each
//! condition here stand both its spelling for nft(8) and its expressions.

use std::fmt;

use nix::libc;

use crate::{
    Subnet,
    nfnetlink::{nest, number, text},
    nft::{Field, Map, NFTA_LIST_ELEM, value},
};

/// If all conditions hold for a packet, the verdict is done to it.
pub(crate) struct Rule {
    pub chain: &'static str,
    pub conditions: Vec<Condition>,
    pub verdict: Verdict,
}

pub(crate) enum Condition {
    /// It came in by this interface.
    From(&'static str),
    /// It goes out by this interface.
    To(&'static str),
    /// It goes out by another interface.
    NotTo(&'static str),
    Source(Subnet),
    NotSource(Subnet),
    Destination(Subnet),
    /// Its destination is one of this host's own addresses.
    ToThisHost,
    /// It belongs to a connection that was let through before.
    Answer,
    /// Its connection was turned to another destination.
    Turned,
}

pub(crate) enum Verdict {
    Accept,
    Drop,
    Jump(&'static str),
    /// Give it the source address of the interface that it leaves by, and give it back in answers.
    Masquerade,
    /// Turn it to the destination that the map has for it. One that the map does not know goes on
    /// to the next rule.
    Turn(&'static Map),
}

// Registers of four bytes; a longer value takes the ones that follow as well.
const FIRST: u32 = libc::NFT_REG32_00 as u32;
const SECOND: u32 = FIRST + 1;

impl Rule {
    pub fn expressions(&self) -> Vec<Vec<u8>> {
        let conditions = self.conditions.iter().flat_map(Condition::expressions);
        conditions.chain(self.verdict.expressions()).collect()
    }
}

impl Condition {
    fn expressions(&self) -> Vec<Vec<u8>> {
        match self {
            Self::From(name) => {
                vec![meta(libc::NFT_META_IIFNAME, FIRST), compare(libc::NFT_CMP_EQ, &padded(name))]
            }
            Self::To(name) => {
                vec![meta(libc::NFT_META_OIFNAME, FIRST), compare(libc::NFT_CMP_EQ, &padded(name))]
            }
            Self::NotTo(name) => {
                vec![meta(libc::NFT_META_OIFNAME, FIRST), compare(libc::NFT_CMP_NEQ, &padded(name))]
            }
            Self::Source(subnet) => within(SOURCE, *subnet, libc::NFT_CMP_EQ),
            Self::NotSource(subnet) => within(SOURCE, *subnet, libc::NFT_CMP_NEQ),
            Self::Destination(subnet) => within(DESTINATION, *subnet, libc::NFT_CMP_EQ),
            Self::ToThisHost => {
                let local = u32::from(libc::RTN_LOCAL);
                vec![fib_kind_of_destination(), compare(libc::NFT_CMP_EQ, &local.to_ne_bytes())]
            }
            Self::Answer => any_bit(libc::NFT_CT_STATE, ESTABLISHED | RELATED),
            Self::Turned => any_bit(libc::NFT_CT_STATUS, DST_NAT),
        }
    }
}

impl Verdict {
    fn expressions(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Accept => vec![verdict(libc::NF_ACCEPT, None)],
            Self::Drop => vec![verdict(libc::NF_DROP, None)],
            Self::Jump(chain) => vec![verdict(libc::NFT_JUMP, Some(chain))],
            Self::Masquerade => vec![expression("masq", &[])],
            Self::Turn(map) => {
                let mut expressions: Vec<_> = (FIRST..)
                    .zip(map.key)
                    .map(|(register, field)| match field {
                        Field::Address => payload(DESTINATION, register),
                        Field::Protocol => meta(libc::NFT_META_L4PROTO, register),
                        Field::Port => payload(DESTINATION_PORT, register),
                    })
                    .collect();
                expressions.push(lookup(map));
                expressions.push(dnat());
                expressions
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.chain)?;
        for condition in &self.conditions {
            write!(f, " {condition}")?;
        }
        write!(f, " {}", self.verdict)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::From(name) => write!(f, "iifname {name}"),
            Self::To(name) => write!(f, "oifname {name}"),
            Self::NotTo(name) => write!(f, "oifname != {name}"),
            Self::Source(subnet) => write!(f, "ip saddr {subnet}"),
            Self::NotSource(subnet) => write!(f, "ip saddr != {subnet}"),
            Self::Destination(subnet) => write!(f, "ip daddr {subnet}"),
            Self::ToThisHost => f.write_str("fib daddr type local"),
            Self::Answer => f.write_str("ct state established,related"),
            Self::Turned => f.write_str("ct status dnat"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Masquerade => f.write_str("masquerade"),
            Self::Turn(map) => {
                let fields = map.key.iter().map(|field| match field {
                    Field::Address => "ip daddr",
                    Field::Protocol => "meta l4proto",
                    Field::Port => "th dport",
                });
                let fields = fields.collect::<Vec<_>>().join(" . ");
                write!(f, "dnat ip to {fields} map @{}", map.name)
            }
        }
    }
}

/// A field of a packet: in which header, at which byte, how long.
type Place = (i32, u32, u32);
const SOURCE: Place = (libc::NFT_PAYLOAD_NETWORK_HEADER, 12, 4);
const DESTINATION: Place = (libc::NFT_PAYLOAD_NETWORK_HEADER, 16, 4);
const DESTINATION_PORT: Place = (libc::NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);

// Bits of connection tracking, from linux/netfilter/nf_conntrack_common.h.
const ESTABLISHED: u32 = 1 << 1;
const RELATED: u32 = 1 << 2;
const DST_NAT: u32 = 1 << 5;

/// The address at `place` lies in `subnet`, or does not: as `how` says.
fn within(place: Place, subnet: Subnet, how: i32) -> Vec<Vec<u8>> {
    let mask = subnet.mask().to_be_bytes();
    let first = subnet.first().octets();
    vec![payload(place, FIRST), and(&mask), compare(how, &first)]
}

/// What connection tracking knows under `key` has any of `bits`.
fn any_bit(key: i32, bits: u32) -> Vec<Vec<u8>> {
    let zero = 0u32.to_ne_bytes();
    vec![tracked(key), and(&bits.to_ne_bytes()), compare(libc::NFT_CMP_NEQ, &zero)]
}

/// An interface's name as the kernel keeps it, in `IFNAMSIZ` bytes.
fn padded(name: &str) -> [u8; libc::IFNAMSIZ] {
    let mut bytes = [0; libc::IFNAMSIZ];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes
}

// One function an expression. The numbers are those of the kernel's NFTA_* of each.

fn meta(key: i32, register: u32) -> Vec<u8> {
    expression("meta", &[number(1, register), number(2, key as u32)])
}

fn payload((header, offset, length): Place, register: u32) -> Vec<u8> {
    let from = [number(2, header as u32), number(3, offset), number(4, length)];
    expression("payload", &[&[number(1, register)], &from[..]].concat())
}

/// What connection tracking knows of the packet's connection.
fn tracked(key: i32) -> Vec<u8> {
    expression("ct", &[number(1, FIRST), number(2, key as u32)])
}

/// Asks the routing table of what kind the destination is (`RTN_*`).
fn fib_kind_of_destination() -> Vec<u8> {
    const ADDRESS_TYPE: u32 = 3; // NFT_FIB_RESULT_ADDRTYPE
    const OF_DESTINATION: u32 = 1 << 1; // NFTA_FIB_F_DADDR
    expression("fib", &[number(1, FIRST), number(2, ADDRESS_TYPE), number(3, OF_DESTINATION)])
}

fn and(mask: &[u8]) -> Vec<u8> {
    let zero = vec![0; mask.len()];
    let registers = [number(1, FIRST), number(2, FIRST), number(3, mask.len() as u32)];
    expression("bitwise", &[&registers[..], &[value(4, mask), value(5, &zero)]].concat())
}

fn compare(how: i32, with: &[u8]) -> Vec<u8> {
    expression("cmp", &[number(1, FIRST), number(2, how as u32), value(3, with)])
}

/// Puts the map's address into the first register and its port into the second.
fn lookup(map: &Map) -> Vec<u8> {
    expression("lookup", &[text(1, map.name), number(2, FIRST), number(3, FIRST)])
}

fn dnat() -> Vec<u8> {
    let kind = [number(1, libc::NFT_NAT_DNAT as u32), number(2, libc::NFPROTO_IPV4 as u32)];
    expression("nat", &[&kind[..], &[number(3, FIRST), number(5, SECOND)]].concat())
}

fn verdict(code: i32, chain: Option<&str>) -> Vec<u8> {
    let code = number(1, code.cast_unsigned());
    let chain = chain.map(|chain| text(2, chain)).unwrap_or_default();
    let register = number(1, libc::NFT_REG_VERDICT as u32);
    expression("immediate", &[register, nest(2, &[nest(2, &[code, chain])])])
}

fn expression(name: &str, data: &[Vec<u8>]) -> Vec<u8> {
    nest(NFTA_LIST_ELEM, &[text(1, name), nest(2, data)])
}
