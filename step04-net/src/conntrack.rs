//! Connection tracking: what the kernel remembers of connections, and how it is made to forget.
//!
//! Rules of address translation are asked only for the first packet of a connection; the others
//! go where it went. UDP knows no connections, so the kernel takes all packets between two ports
//! for one, as long as they do not pause for half a minute. A client that goes on sending would
//! never come to a container that has published the port since, or come for ever to one that is
//! gone. See conntrack(8), `linux/netfilter/nfnetlink_conntrack.h`.

use std::net::{Ipv4Addr, SocketAddrV4};

use anyhow::{Context, Result};
use netlink_packet_core::{NLA_F_NESTED, NLM_F_DUMP};
use nix::{errno::Errno, libc, sys::socket::SockProtocol};
use step03::Explain;

use crate::{
    netlink::Netlink,
    nfnetlink::{Message, attribute, find},
    ports::{Protocol, Publish},
};

/// Makes the kernel forget every connection by way of these ports of the host.
pub(crate) fn forget(explain: &Explain, published: &[Publish]) -> Result<()> {
    if published.iter().all(|publish| publish.protocol != Protocol::Udp) {
        return Ok(());
    }
    let connections = match list() {
        Err(Errno::EPROTONOSUPPORT | Errno::EOPNOTSUPP) => return Ok(()), // nothing to remember it
        connections => connections.context("reading the tracked connections")?,
    };
    let by_port = |connection: &&Connection| published.iter().any(|p| connection.is_by(p));
    for connection in connections.iter().filter(by_port) {
        let Connection { from, to, .. } = connection;
        explain.act(
            format_args!(
                "conntrack --delete --proto udp --src {} --sport {} --dst {} --dport {}",
                from.ip(),
                from.port(),
                to.ip(),
                to.port()
            ),
            format_args!("forgetting the connection from {from} to {to}"),
            || match connection.delete() {
                Err(Errno::ENOENT) => Ok(()), // it has ended meanwhile
                result => result,
            },
        )?;
    }
    Ok(())
}

/// A connection of UDP, as it was before anything turned it.
struct Connection {
    from: SocketAddrV4,
    to: SocketAddrV4,
    /// By which the kernel knows it.
    tuple: Vec<u8>,
}

fn list() -> nix::Result<Vec<Connection>> {
    let all = Message::new(libc::NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, &[]);
    let found = Netlink::open(SockProtocol::NetlinkNetFilter)?.ask((NLM_F_DUMP, all))?;
    Ok(found.iter().filter_map(Connection::parse).collect())
}

impl Connection {
    fn parse(message: &Message) -> Option<Self> {
        let tuple = message.find(CTA_TUPLE_ORIG)?;
        let (ip, proto) = (find(&tuple, CTA_TUPLE_IP)?, find(&tuple, CTA_TUPLE_PROTO)?);
        let address = |number| Some(Ipv4Addr::from(<[u8; 4]>::try_from(find(&ip, number)?).ok()?));
        let port = |number| Some(u16::from_be_bytes(find(&proto, number)?.try_into().ok()?));
        if find(&proto, CTA_PROTO_NUM)? != [libc::IPPROTO_UDP as u8] {
            return None;
        }
        let from = SocketAddrV4::new(address(CTA_IP_V4_SRC)?, port(CTA_PROTO_SRC_PORT)?);
        let to = SocketAddrV4::new(address(CTA_IP_V4_DST)?, port(CTA_PROTO_DST_PORT)?);
        Some(Self { from, to, tuple })
    }

    fn is_by(&self, publish: &Publish) -> bool {
        let any = publish.address.is_unspecified();
        publish.protocol == Protocol::Udp
            && (any || publish.address == *self.to.ip())
            && publish.pairs().any(|(port, _)| port == self.to.port())
    }

    fn delete(&self) -> nix::Result<()> {
        let tuple = attribute(CTA_TUPLE_ORIG | NLA_F_NESTED, &self.tuple);
        let message = Message::new(libc::NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE, &[tuple]);
        Netlink::open(SockProtocol::NetlinkNetFilter)?.request([(0, message)])
    }
}

// Numbers that libc does not have; from linux/netfilter/nfnetlink_conntrack.h.
const IPCTNL_MSG_CT_GET: i32 = 1;
const IPCTNL_MSG_CT_DELETE: i32 = 2;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;
