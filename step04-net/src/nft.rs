//! nf_tables, the kernel's firewall: the commands of the `nft` program as netlink messages.
//!
//! See nft(8) for what they mean, and `linux/netfilter/nf_tables.h` for how they are encoded: each
//! is a message of attributes, which may hold attributes. Several commands are one transaction: the
//! kernel does all of them or none.

use std::fmt;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use nix::{libc, sys::socket::SockProtocol};
use step03::{Explain, sh};

use crate::{
    netlink::{Netlink, Request},
    nfnetlink::{Message, attribute, nest, number, text},
    nft_expr::Rule,
};

/// The table that holds everything here, in the family `ip`.
pub(crate) const TABLE: &str = "layers";

/// One command: `Display` writes it as the `nft` program would read it.
pub(crate) enum Command {
    AddTable,
    /// With all that is in it.
    DeleteTable,
    AddMap(&'static Map),
    AddChain(Chain),
    AddRule(Rule),
    AddElements(&'static Map, Vec<Element>),
    DeleteElements(&'static Map, Vec<Element>),
}

/// A list of rules. A base chain, one with a hook, is where packets come in.
pub(crate) struct Chain {
    pub name: &'static str,
    pub hook: Option<Hook>,
}

/// Where in a packet's way through the kernel a base chain stands.
pub(crate) struct Hook {
    /// `nat` or `filter`.
    pub kind: &'static str,
    pub place: Place,
    /// Chains of lower priority come first.
    pub priority: i32,
}

#[derive(Clone, Copy)]
pub(crate) enum Place {
    Prerouting = libc::NF_INET_PRE_ROUTING as isize,
    Forward = libc::NF_INET_FORWARD as isize,
    Output = libc::NF_INET_LOCAL_OUT as isize,
    Postrouting = libc::NF_INET_POST_ROUTING as isize,
}

/// From fields of a packet to an address and port. Keys and values are concatenations of fields,
/// each padded to four bytes.
pub(crate) struct Map {
    pub name: &'static str,
    pub key: &'static [Field],
}

#[derive(Clone, Copy)]
pub(crate) enum Field {
    Address,
    Protocol,
    Port,
}

/// What every map here leads to.
const VALUE: &[Field] = &[Field::Address, Field::Port];

impl Field {
    /// Its name, and the number by which the `nft` program, not the kernel, knows it.
    fn kind(self) -> (&'static str, u32) {
        match self {
            Self::Address => ("ipv4_addr", 7),
            Self::Protocol => ("inet_proto", 12),
            Self::Port => ("inet_service", 13),
        }
    }
}

/// One entry of a map: each field as `nft` writes it, and as it stands in a packet.
#[derive(Clone)]
pub(crate) struct Element {
    pub key: Vec<(String, [u8; 4])>,
    pub value: Vec<(String, [u8; 4])>,
    /// Whose it is.
    pub comment: String,
}

/// Tells the commands, and does them all or none.
pub(crate) fn run(explain: &Explain, commands: &[Command]) -> nix::Result<()> {
    for command in commands {
        explain.say(command.shell());
    }
    let bracket = |kind| (0, Message::bracket(kind, libc::NFNL_SUBSYS_NFTABLES));
    let begin = bracket(libc::NFNL_MSG_BATCH_BEGIN);
    let end = bracket(libc::NFNL_MSG_BATCH_END);
    let requests = commands.iter().flat_map(Command::requests);
    let netlink = Netlink::open(SockProtocol::NetlinkNetFilter)?;
    netlink.request(std::iter::once(begin).chain(requests).chain([end]))
}

impl Command {
    fn shell(&self) -> String {
        let sentence = self.to_string();
        let brace = sentence.find('{').unwrap_or(sentence.len());
        let (words, block) = sentence.split_at(brace);
        let block = Some(block).filter(|block| !block.is_empty());
        sh(std::iter::once("nft").chain(words.split_whitespace()).chain(block))
    }

    fn requests(&self) -> Vec<Request<Message>> {
        const NEW: u16 = NLM_F_CREATE | NLM_F_EXCL;
        const APPEND: u16 = NLM_F_CREATE | libc::NLM_F_APPEND as u16;
        let one = |flags, kind, attributes: &[Vec<u8>]| {
            vec![(flags, Message::new(libc::NFNL_SUBSYS_NFTABLES, kind, attributes))]
        };
        match self {
            Self::AddTable => one(NEW, libc::NFT_MSG_NEWTABLE, &[text(NFTA_TABLE_NAME, TABLE)]),
            Self::DeleteTable => one(0, libc::NFT_MSG_DELTABLE, &[text(NFTA_TABLE_NAME, TABLE)]),
            Self::AddMap(map) => one(NEW, libc::NFT_MSG_NEWSET, &map.attributes()),
            Self::AddChain(chain) => one(NEW, libc::NFT_MSG_NEWCHAIN, &chain.attributes()),
            Self::AddRule(rule) => one(
                APPEND,
                libc::NFT_MSG_NEWRULE,
                &[
                    text(NFTA_RULE_TABLE, TABLE),
                    text(NFTA_RULE_CHAIN, rule.chain),
                    nest(NFTA_RULE_EXPRESSIONS, &rule.expressions()),
                ],
            ),
            Self::AddElements(map, elements) => {
                map.element_requests(NEW, libc::NFT_MSG_NEWSETELEM, elements, Element::whole)
            }
            Self::DeleteElements(map, elements) => {
                map.element_requests(0, libc::NFT_MSG_DELSETELEM, elements, Element::key)
            }
        }
    }
}

impl Chain {
    fn attributes(&self) -> Vec<Vec<u8>> {
        let mut attributes = vec![text(NFTA_CHAIN_TABLE, TABLE), text(NFTA_CHAIN_NAME, self.name)];
        if let Some(hook) = &self.hook {
            let place = [
                number(NFTA_HOOK_HOOKNUM, hook.place as u32),
                number(NFTA_HOOK_PRIORITY, hook.priority.cast_unsigned()),
            ];
            attributes.push(nest(NFTA_CHAIN_HOOK, &place));
            attributes.push(text(NFTA_CHAIN_TYPE, hook.kind));
        }
        attributes
    }
}

impl Map {
    fn attributes(&self) -> Vec<Vec<u8>> {
        let concatenated = |fields: &[Field]| fields.iter().fold(0, |all, f| all << 6 | f.kind().1);
        vec![
            text(NFTA_SET_TABLE, TABLE),
            text(NFTA_SET_NAME, self.name),
            number(NFTA_SET_ID, 1), // required, though the name is what it is found by
            number(NFTA_SET_FLAGS, libc::NFT_SET_MAP as u32),
            number(NFTA_SET_KEY_TYPE, concatenated(self.key)),
            number(NFTA_SET_KEY_LEN, 4 * self.key.len() as u32),
            number(NFTA_SET_DATA_TYPE, concatenated(VALUE)),
            number(NFTA_SET_DATA_LEN, 4 * VALUE.len() as u32),
        ]
    }

    /// A message for each hundred: the length of an attribute is 16 bits.
    fn element_requests(
        &self,
        flags: u16,
        kind: i32,
        elements: &[Element],
        encode: fn(&Element) -> Vec<u8>,
    ) -> Vec<Request<Message>> {
        let message = |some: &[Element]| {
            let list: Vec<_> = some.iter().map(encode).collect();
            let attributes = [
                text(NFTA_SET_ELEM_LIST_TABLE, TABLE),
                text(NFTA_SET_ELEM_LIST_SET, self.name),
                nest(NFTA_SET_ELEM_LIST_ELEMENTS, &list),
            ];
            (flags, Message::new(libc::NFNL_SUBSYS_NFTABLES, kind, &attributes))
        };
        elements.chunks(100).map(message).collect()
    }
}

impl Element {
    fn key(&self) -> Vec<u8> {
        nest(NFTA_LIST_ELEM, &[value(NFTA_SET_ELEM_KEY, &bytes(&self.key))])
    }

    fn whole(&self) -> Vec<u8> {
        // A comment is the `nft` program's own invention: a type, a length and a string.
        let length = self.comment.len() as u8 + 1; // an id has at most 64 bytes
        let comment = [&[0, length], self.comment.as_bytes(), &[0]].concat();
        let parts = [
            value(NFTA_SET_ELEM_KEY, &bytes(&self.key)),
            value(NFTA_SET_ELEM_DATA, &bytes(&self.value)),
            attribute(NFTA_SET_ELEM_USERDATA, &comment),
        ];
        nest(NFTA_LIST_ELEM, &parts)
    }
}

fn bytes(fields: &[(String, [u8; 4])]) -> Vec<u8> {
    fields.iter().flat_map(|(_, bytes)| *bytes).collect()
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::AddTable => write!(f, "add table ip {TABLE}"),
            Self::DeleteTable => write!(f, "delete table ip {TABLE}"),
            Self::AddMap(map) => {
                let types =
                    |fields: &[Field]| join(fields.iter().map(|field| field.kind().0), " . ");
                let (name, key, value) = (map.name, types(map.key), types(VALUE));
                write!(f, "add map ip {TABLE} {name} {{ type {key} : {value} ; }}")
            }
            Self::AddChain(Chain { name, hook: None }) => write!(f, "add chain ip {TABLE} {name}"),
            Self::AddChain(Chain { name, hook: Some(hook) }) => write!(
                f,
                "add chain ip {TABLE} {name} {{ type {} hook {} priority {} ; }}",
                hook.kind, hook.place, hook.priority
            ),
            Self::AddRule(rule) => write!(f, "add rule ip {TABLE} {rule}"),
            Self::AddElements(map, elements) => {
                let element = |e: &Element| {
                    format!("{} comment {:?} : {}", fields(&e.key), e.comment, fields(&e.value))
                };
                let list = join(elements.iter().map(element), ", ");
                write!(f, "add element ip {TABLE} {} {{ {list} }}", map.name)
            }
            Self::DeleteElements(map, elements) => {
                let list = join(elements.iter().map(|element| fields(&element.key)), ", ");
                write!(f, "delete element ip {TABLE} {} {{ {list} }}", map.name)
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Prerouting => "prerouting",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        })
    }
}

fn fields(fields: &[(String, [u8; 4])]) -> String {
    join(fields.iter().map(|(text, _)| text), " . ")
}

fn join(words: impl Iterator<Item = impl AsRef<str>>, between: &str) -> String {
    words.map(|word| word.as_ref().to_string()).collect::<Vec<_>>().join(between)
}

/// A value as a register holds it.
pub(crate) fn value(number: u16, bytes: &[u8]) -> Vec<u8> {
    nest(number, &[attribute(NFTA_DATA_VALUE, bytes)])
}

// The numbers of attributes, which libc does not have; from linux/netfilter/nf_tables.h.
pub(crate) const NFTA_LIST_ELEM: u16 = 1;
const NFTA_DATA_VALUE: u16 = 1;
const NFTA_TABLE_NAME: u16 = 1;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_TYPE: u16 = 7;
const NFTA_HOOK_HOOKNUM: u16 = 1;
const NFTA_HOOK_PRIORITY: u16 = 2;
const NFTA_RULE_TABLE: u16 = 1;
const NFTA_RULE_CHAIN: u16 = 2;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_SET_TABLE: u16 = 1;
const NFTA_SET_NAME: u16 = 2;
const NFTA_SET_FLAGS: u16 = 3;
const NFTA_SET_KEY_TYPE: u16 = 4;
const NFTA_SET_KEY_LEN: u16 = 5;
const NFTA_SET_DATA_TYPE: u16 = 6;
const NFTA_SET_DATA_LEN: u16 = 7;
const NFTA_SET_ID: u16 = 10;
const NFTA_SET_ELEM_LIST_TABLE: u16 = 1;
const NFTA_SET_ELEM_LIST_SET: u16 = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
const NFTA_SET_ELEM_KEY: u16 = 1;
const NFTA_SET_ELEM_DATA: u16 = 2;
const NFTA_SET_ELEM_USERDATA: u16 = 6;
