//! Links, addresses and routes: the part of netlink that the `ip` command speaks. See rtnetlink(7).
//!
//! Each function here is one message, and stands for one `ip` command.

use std::{fmt, net::Ipv4Addr};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage, AddressScope},
    link::{
        InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind, InfoVeth, LinkAttribute,
        LinkFlags, LinkInfo, LinkMessage,
    },
    route::{
        RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
        RouteType,
    },
};
use nix::{errno::Errno, net::if_::if_nametoindex, sys::socket::SockProtocol, unistd::Pid};

use crate::{Subnet, netlink::Netlink};

/// A hardware address.
pub type Mac = [u8; 6];

/// The far end of a veth pair: `peer name NAME address MAC netns PID`.
pub struct Peer {
    /// Its name there.
    pub name: &'static str,
    /// Its hardware address.
    pub mac: Mac,
    /// A process of the network namespace that it is made in.
    pub netns: Pid,
}

/// A socket to the kernel's links, addresses and routes, in one network namespace.
pub struct Rtnetlink(Netlink);

impl Rtnetlink {
    /// For the network namespace that this process is in.
    pub fn open() -> nix::Result<Self> {
        Netlink::open(SockProtocol::NetlinkRoute).map(Self)
    }

    /// Whether the kernel would let this process change the network. Nothing but a request tells:
    /// `CAP_NET_ADMIN` counts only in the user namespace that owns the network namespace.
    pub fn permitted(&self) -> bool {
        // The right is looked at first. Then the request is refused, since it names no link.
        let nothing = RouteNetlinkMessage::DelLink(LinkMessage::default());
        self.0.request([(0, nothing)]) != Err(Errno::EPERM)
    }

    /// `ip link add NAME address MAC type bridge`
    pub fn add_bridge(&self, name: &str, mac: Mac) -> nix::Result<()> {
        let mut link = LinkMessage::default();
        link.attributes = vec![
            LinkAttribute::IfName(name.into()),
            LinkAttribute::Address(mac.into()),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
        ];
        self.add(RouteNetlinkMessage::NewLink(link))
    }

    /// `ip link add NAME mtu MTU master BRIDGE type veth peer name …`
    pub fn add_veth(&self, name: &str, bridge: &str, mtu: u32, peer: Peer) -> nix::Result<()> {
        // ANCHOR: exercise-4-8
        let mut far = LinkMessage::default();
        far.attributes = vec![
            LinkAttribute::IfName(peer.name.into()),
            LinkAttribute::Mtu(mtu),
            LinkAttribute::Address(peer.mac.into()),
            LinkAttribute::NetNsPid(peer.netns.as_raw().cast_unsigned()),
        ];
        let mut near = LinkMessage::default();
        near.attributes = vec![
            LinkAttribute::IfName(name.into()),
            LinkAttribute::Mtu(mtu),
            LinkAttribute::Controller(if_nametoindex(bridge)?),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(far))),
            ]),
        ];
        self.add(RouteNetlinkMessage::NewLink(near))
        // ANCHOR_END: exercise-4-8
    }

    /// `ip link set NAME up`
    pub fn set_up(&self, name: &str) -> nix::Result<()> {
        let link = up(if_nametoindex(name)?);
        self.0.request([(0, RouteNetlinkMessage::SetLink(link))])
    }

    /// `ip link set NAME up type bridge_slave hairpin on`: of a port of a bridge, which may send
    /// packets back to where they came from.
    pub fn set_port_up(&self, name: &str) -> nix::Result<()> {
        let mut port = up(if_nametoindex(name)?);
        let hairpin = InfoBridgePort::HairpinMode(true);
        port.attributes = vec![LinkAttribute::LinkInfo(vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(InfoPortData::BridgePort(vec![hairpin])),
        ])];
        self.0.request([(0, RouteNetlinkMessage::NewLink(port))])
    }

    /// `ip link del NAME`; of a veth pair this takes both ends.
    pub fn delete(&self, name: &str) -> nix::Result<()> {
        let mut link = LinkMessage::default();
        link.attributes = vec![LinkAttribute::IfName(name.into())];
        self.0.request([(0, RouteNetlinkMessage::DelLink(link))])
    }

    /// `ip addr add ADDRESS/LENGTH dev NAME`
    pub fn add_address(&self, name: &str, address: Ipv4Addr, subnet: Subnet) -> nix::Result<()> {
        // ANCHOR: exercise-4-4
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.index = if_nametoindex(name)?;
        message.header.prefix_len = subnet.length();
        message.attributes = vec![
            AddressAttribute::Local(address.into()),
            AddressAttribute::Address(address.into()),
            AddressAttribute::Broadcast(subnet.broadcast()),
        ];
        self.add(RouteNetlinkMessage::NewAddress(message))
        // ANCHOR_END: exercise-4-4
    }

    /// `ip link set NAME netns PID name NEW`
    pub fn give(&self, name: &str, netns: Pid, new: &str) -> nix::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = if_nametoindex(name)?;
        link.attributes = vec![
            LinkAttribute::NetNsPid(netns.as_raw().cast_unsigned()),
            LinkAttribute::IfName(new.into()),
        ];
        self.0.request([(0, RouteNetlinkMessage::SetLink(link))])
    }

    /// `ip addr show dev NAME`: those that hold beyond the link itself, of both families.
    pub fn addresses(&self, name: &str) -> nix::Result<Vec<Address>> {
        let index = if_nametoindex(name)?;
        let all = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let found = self.0.ask((NLM_F_DUMP, all))?.into_iter();
        Ok(found.filter_map(|message| Address::of(message, index)).collect())
    }

    /// `ip addr add ADDRESS dev NAME`: of an address that a link had before.
    pub fn restore_address(&self, name: &str, address: &Address) -> nix::Result<()> {
        let mut message = address.0.clone();
        message.header.index = if_nametoindex(name)?;
        self.add(RouteNetlinkMessage::NewAddress(message))
    }

    /// `ip route add default via GATEWAY`
    pub fn add_default_route(&self, gateway: Ipv4Addr) -> nix::Result<()> {
        // ANCHOR: exercise-4-5
        let mut route = RouteMessage::default();
        route.header.address_family = AddressFamily::Inet;
        route.header.table = RouteHeader::RT_TABLE_MAIN;
        route.header.protocol = RouteProtocol::Boot;
        route.header.scope = RouteScope::Universe;
        route.header.kind = RouteType::Unicast;
        route.attributes = vec![RouteAttribute::Gateway(RouteAddress::Inet(gateway))];
        self.add(RouteNetlinkMessage::NewRoute(route))
        // ANCHOR_END: exercise-4-5
    }

    /// `ip route show table all`
    pub fn routes(&self) -> nix::Result<Vec<Route>> {
        let mut all = RouteMessage::default();
        all.header.address_family = AddressFamily::Inet;
        let routes = self.0.ask((NLM_F_DUMP, RouteNetlinkMessage::GetRoute(all)))?;
        Ok(routes.iter().filter_map(Route::of).collect())
    }

    /// `ip link show INDEX`: the longest packet, in bytes, that the link can carry.
    pub fn mtu(&self, index: u32) -> nix::Result<Option<u32>> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        let found = self.0.ask((0, RouteNetlinkMessage::GetLink(link)))?;
        Ok(found.iter().find_map(|message| match message {
            RouteNetlinkMessage::NewLink(link) => link.attributes.iter().find_map(mtu),
            _ => None,
        }))
    }

    fn add(&self, message: RouteNetlinkMessage) -> nix::Result<()> {
        self.0.request([(NLM_F_CREATE | NLM_F_EXCL, message)])
    }
}

/// A link with the flag "up" set, and no other flag touched.
fn up(index: u32) -> LinkMessage {
    // ANCHOR: exercise-4-2
    let mut link = LinkMessage::default();
    link.header.index = index;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    link
    // ANCHOR_END: exercise-4-2
}

fn mtu(attribute: &LinkAttribute) -> Option<u32> {
    match attribute {
        LinkAttribute::Mtu(mtu) => Some(*mtu),
        _ => None,
    }
}

/// An address of a link, as it can be given to another.
pub struct Address(AddressMessage);

impl Address {
    fn of(message: RouteNetlinkMessage, link: u32) -> Option<Self> {
        let RouteNetlinkMessage::NewAddress(mut message) = message else { return None };
        let beyond = message.header.scope == AddressScope::Universe;
        // What else is told of it is the kernel's own: its age, the link's name.
        message.attributes.retain(|attribute| {
            matches!(
                attribute,
                AddressAttribute::Local(_)
                    | AddressAttribute::Address(_)
                    | AddressAttribute::Broadcast(_)
            )
        });
        (message.header.index == link && beyond).then_some(Self(message))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let own = self.0.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Local(address) => Some(address),
            _ => None,
        });
        let any = self.0.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(address),
            _ => None,
        });
        if let Some(address) = own.or(any) {
            write!(f, "{address}/{}", self.0.header.prefix_len)?;
        }
        Ok(())
    }
}

/// A route of IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// A subnet of length 0 is everywhere: this is a default route then.
    pub destination: Subnet,
    /// The number of the link that it leaves by, if that is one.
    pub link: Option<u32>,
    /// Of several routes to a place, that with the lowest is taken.
    pub metric: u32,
}

impl Route {
    fn of(message: &RouteNetlinkMessage) -> Option<Self> {
        let RouteNetlinkMessage::NewRoute(route) = message else { return None };
        let (mut to, mut link, mut metric) = (Ipv4Addr::UNSPECIFIED, None, 0);
        for attribute in &route.attributes {
            match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(address)) => to = *address,
                RouteAttribute::Oif(index) => link = Some(*index),
                RouteAttribute::Priority(priority) => metric = *priority,
                _ => {}
            }
        }
        let destination = Subnet::around(to, route.header.destination_prefix_length);
        Some(Self { destination, link, metric })
    }

    /// Whether it leads to everywhere else.
    pub fn is_default(&self) -> bool {
        self.destination.length() == 0
    }
}
