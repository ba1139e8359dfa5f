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
            Self::From(name) => interface(libc::NFT_META_IIFNAME, name, libc::NFT_CMP_EQ),
            Self::To(name) => interface(libc::NFT_META_OIFNAME, name, libc::NFT_CMP_EQ),
            Self::NotTo(name) => interface(libc::NFT_META_OIFNAME, name, libc::NFT_CMP_NEQ),
            Self::Source(subnet) => within(SOURCE, *subnet, libc::NFT_CMP_EQ),
            Self::NotSource(subnet) => within(SOURCE, *subnet, libc::NFT_CMP_NEQ),
            Self::Destination(subnet) => within(DESTINATION, *subnet, libc::NFT_CMP_EQ),
            Self::ToThisHost => {
                let local = u32::from(libc::RTN_LOCAL);
                vec![kind_of_destination(), compare(libc::NFT_CMP_EQ, &local.to_ne_bytes())]
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

/// Some bytes of a packet.
#[derive(Clone, Copy)]
struct Bytes {
    /// `NFT_PAYLOAD_*_HEADER`
    header: i32,
    offset: u32,
    length: u32,
}

// See RFC 791; and RFC 9293 and 768, which have the ports at the same place.
const SOURCE: Bytes = Bytes { header: libc::NFT_PAYLOAD_NETWORK_HEADER, offset: 12, length: 4 };
const DESTINATION: Bytes = Bytes { offset: 16, ..SOURCE };
const DESTINATION_PORT: Bytes =
    Bytes { header: libc::NFT_PAYLOAD_TRANSPORT_HEADER, offset: 2, length: 2 };

// Bits of connection tracking, from linux/netfilter/nf_conntrack_common.h.
const ESTABLISHED: u32 = 1 << 1;
const RELATED: u32 = 1 << 2;
const DST_NAT: u32 = 1 << 5;

/// The address there lies in `subnet`, or does not: as `how` says.
fn within(address: Bytes, subnet: Subnet, how: i32) -> Vec<Vec<u8>> {
    let mask = subnet.mask().to_be_bytes();
    let first = subnet.first().octets();
    vec![payload(address, FIRST), and(&mask), compare(how, &first)]
}

/// What connection tracking knows under `key` has any of `bits`.
fn any_bit(key: i32, bits: u32) -> Vec<Vec<u8>> {
    let zero = 0u32.to_ne_bytes();
    vec![tracked(key), and(&bits.to_ne_bytes()), compare(libc::NFT_CMP_NEQ, &zero)]
}

/// The interface under `key` has this name, or another. The kernel keeps names in `IFNAMSIZ` bytes.
fn interface(key: i32, name: &str, how: i32) -> Vec<Vec<u8>> {
    let mut padded = [0; libc::IFNAMSIZ];
    padded[..name.len()].copy_from_slice(name.as_bytes());
    vec![meta(key, FIRST), compare(how, &padded)]
}

// One function an expression. The numbers of their attributes are not in libc; they are from
// linux/netfilter/nf_tables.h, and the names are without its NFTA_*_.

fn meta(key: i32, register: u32) -> Vec<u8> {
    const DREG: u16 = 1;
    const KEY: u16 = 2;
    expression("meta", &[number(DREG, register), number(KEY, key as u32)])
}

fn payload(bytes: Bytes, register: u32) -> Vec<u8> {
    const DREG: u16 = 1;
    const BASE: u16 = 2;
    const OFFSET: u16 = 3;
    const LEN: u16 = 4;
    let place = [
        number(DREG, register),
        number(BASE, bytes.header as u32),
        number(OFFSET, bytes.offset),
        number(LEN, bytes.length),
    ];
    expression("payload", &place)
}

/// What connection tracking knows of the packet's connection.
fn tracked(key: i32) -> Vec<u8> {
    const DREG: u16 = 1;
    const KEY: u16 = 2;
    expression("ct", &[number(DREG, FIRST), number(KEY, key as u32)])
}

/// Asks the routing table of what kind the destination is (`RTN_*`).
fn kind_of_destination() -> Vec<u8> {
    const DREG: u16 = 1;
    const RESULT: u16 = 2;
    const RESULT_ADDRTYPE: u32 = 3;
    const FLAGS: u16 = 3;
    const F_DADDR: u32 = 1 << 1;
    let question = [number(RESULT, RESULT_ADDRTYPE), number(FLAGS, F_DADDR)];
    expression("fib", &[&question[..], &[number(DREG, FIRST)]].concat())
}

fn and(mask: &[u8]) -> Vec<u8> {
    const SREG: u16 = 1;
    const DREG: u16 = 2;
    const LEN: u16 = 3;
    const MASK: u16 = 4;
    const XOR: u16 = 5;
    let operation = [
        number(SREG, FIRST),
        number(DREG, FIRST),
        number(LEN, mask.len() as u32),
        value(MASK, mask),
        value(XOR, &vec![0; mask.len()]),
    ];
    expression("bitwise", &operation)
}

fn compare(how: i32, with: &[u8]) -> Vec<u8> {
    const SREG: u16 = 1;
    const OP: u16 = 2;
    const DATA: u16 = 3;
    expression("cmp", &[number(SREG, FIRST), number(OP, how as u32), value(DATA, with)])
}

/// Puts the map's address into the first register and its port into the second.
fn lookup(map: &Map) -> Vec<u8> {
    const SET: u16 = 1;
    const SREG: u16 = 2;
    const DREG: u16 = 3;
    expression("lookup", &[text(SET, map.name), number(SREG, FIRST), number(DREG, FIRST)])
}

fn dnat() -> Vec<u8> {
    const TYPE: u16 = 1;
    const FAMILY: u16 = 2;
    const REG_ADDR_MIN: u16 = 3;
    const REG_PROTO_MIN: u16 = 5;
    let to = [
        number(TYPE, libc::NFT_NAT_DNAT as u32),
        number(FAMILY, libc::NFPROTO_IPV4 as u32),
        number(REG_ADDR_MIN, FIRST),
        number(REG_PROTO_MIN, SECOND),
    ];
    expression("nat", &to)
}

fn verdict(code: i32, chain: Option<&str>) -> Vec<u8> {
    const DREG: u16 = 1;
    const DATA: u16 = 2;
    const DATA_VERDICT: u16 = 2;
    const VERDICT_CODE: u16 = 1;
    const VERDICT_CHAIN: u16 = 2;
    let code = number(VERDICT_CODE, code.cast_unsigned());
    let chain = chain.map(|chain| text(VERDICT_CHAIN, chain)).unwrap_or_default();
    let data = nest(DATA, &[nest(DATA_VERDICT, &[code, chain])]);
    expression("immediate", &[number(DREG, libc::NFT_REG_VERDICT as u32), data])
}

fn expression(name: &str, data: &[Vec<u8>]) -> Vec<u8> {
    const NAME: u16 = 1;
    const DATA: u16 = 2;
    nest(NFTA_LIST_ELEM, &[text(NAME, name), nest(DATA, data)])
}
