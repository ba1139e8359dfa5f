//! The firewall's rules, as data: what the table `layers` holds while containers run.
//!
//! ```text
//!   from outside ──▶ prerouting ──▶ forward ──▶ postrouting ──▶ container
//!   from the host ─▶ output ─────────────────▶ postrouting ──▶ container
//!                    └ ports: turn published ports to their container
//!                                               └ masquerade
//! ```

use std::net::Ipv4Addr;

use crate::{
    Lease, Subnet,
    bridge::BRIDGE,
    nft::{
        Chain,
        Command::{self, AddChain, AddElements, AddMap, AddRule, AddTable, DeleteElements},
        Element, Field, Hook, Map, Place,
    },
    nft_expr::{
        Condition::{self, *},
        Rule,
        Verdict::{self, *},
    },
    ports::{Protocol, Publish},
};

/// Published on every address of the host.
static PUBLISHED: Map = Map { name: "published", key: &[Field::Protocol, Field::Port] };
/// Published on one address of the host.
static PUBLISHED_AT: Map =
    Map { name: "published_at", key: &[Field::Address, Field::Protocol, Field::Port] };

/// The table for a bridge with this subnet. `router` says whether the host forwarded packets
/// before there were containers.
pub(crate) fn table(subnet: Subnet, router: bool) -> Vec<Command> {
    let mut table = vec![AddTable, AddMap(&PUBLISHED), AddMap(&PUBLISHED_AT)];
    table.extend(destinations());
    table.extend(sources(subnet));
    table.extend(filters(subnet));
    if !router {
        // Forwarding was switched on for containers: it is for nobody else.
        table.push(rule("forward", [], Drop));
    }
    table
}

// ANCHOR: nat
/// Published ports: what comes for one, from elsewhere or from the host itself, is turned to its
/// container. A packet for another machine's port of that number goes on to there.
fn destinations() -> Vec<Command> {
    // ANCHOR: exercise-4-11
    vec![
        AddChain(Chain { name: "ports", hook: None }),
        rule("ports", [], Turn(&PUBLISHED_AT)),
        rule("ports", [ToThisHost], Turn(&PUBLISHED)),
        base("prerouting", "nat", Place::Prerouting, -100),
        rule("prerouting", [], Jump("ports")),
        base("output", "nat", Place::Output, -100),
        rule("output", [], Jump("ports")),
    ]
    // ANCHOR_END: exercise-4-11
}

/// Who is answered by whom: the source addresses of packets that have found their way.
fn sources(subnet: Subnet) -> Vec<Command> {
    let loopback = Subnet::around(Ipv4Addr::LOCALHOST, 8);
    // ANCHOR: exercise-4-10
    vec![
        base("postrouting", "nat", Place::Postrouting, 100),
        // Containers go out under the host's address: nobody else has a route back to theirs.
        rule("postrouting", [Source(subnet), NotTo(BRIDGE)], Masquerade),
        // Who reaches a published port from 127.0.0.1, or from a container of the same bridge,
        // needs the answers to come back through here to be turned back.
        rule("postrouting", [Source(loopback), To(BRIDGE)], Masquerade),
        rule("postrouting", [Source(subnet), To(BRIDGE), Turned], Masquerade),
    ]
    // ANCHOR_END: exercise-4-10
}
// ANCHOR_END: nat

/// Who is let through.
fn filters(subnet: Subnet) -> Vec<Command> {
    let loopback = Subnet::around(Ipv4Addr::LOCALHOST, 8);
    vec![
        base("forward", "filter", Place::Forward, 0),
        rule("forward", [From(BRIDGE)], Accept),
        rule("forward", [To(BRIDGE), Answer], Accept),
        rule("forward", [To(BRIDGE), Turned], Accept),
        // What is not published is not reached, even by who has a route to the bridge.
        rule("forward", [To(BRIDGE)], Drop),
        // The bridge may carry packets for 127.0.0.0/8 (see `route_localnet`). They must not be a
        // way from a container to what the host keeps to itself. Before connection tracking
        // (priority -200), answers that it will turn back do not have that destination yet.
        base("guard", "filter", Place::Prerouting, -300),
        rule("guard", [From(BRIDGE), Destination(loopback)], Drop),
        // Nor may a container speak for somebody else.
        rule("guard", [From(BRIDGE), NotSource(subnet)], Drop),
    ]
}

/// The entries of one container.
pub(crate) fn publish(lease: &Lease) -> Vec<Command> {
    let add = |(map, elements)| AddElements(map, elements);
    entries(lease).map(add).collect()
}

/// Takes them out again.
pub(crate) fn unpublish(lease: &Lease) -> Vec<Command> {
    let delete = |(map, elements)| DeleteElements(map, elements);
    entries(lease).map(delete).collect()
}

fn entries(lease: &Lease) -> impl Iterator<Item = (&'static Map, Vec<Element>)> {
    lease.publish.iter().map(|publish| {
        let entry = |ports| entry(lease, publish, ports);
        let map = if publish.address.is_unspecified() { &PUBLISHED } else { &PUBLISHED_AT };
        (map, publish.pairs().map(entry).collect())
    })
}

fn entry(lease: &Lease, publish: &Publish, (host, container): (u16, u16)) -> Element {
    let mut key = vec![protocol(publish.protocol), port(host)];
    if !publish.address.is_unspecified() {
        key.insert(0, address(publish.address));
    }
    let value = vec![address(lease.address), port(container)];
    Element { key, value, comment: lease.id.clone() }
}

fn address(address: Ipv4Addr) -> (String, [u8; 4]) {
    (address.to_string(), address.octets())
}

fn protocol(protocol: Protocol) -> (String, [u8; 4]) {
    let number = match protocol {
        Protocol::Tcp => nix::libc::IPPROTO_TCP,
        Protocol::Udp => nix::libc::IPPROTO_UDP,
    };
    (protocol.to_string(), [number as u8, 0, 0, 0])
}

fn port(port: u16) -> (String, [u8; 4]) {
    let [high, low] = port.to_be_bytes();
    (port.to_string(), [high, low, 0, 0])
}

fn base(name: &'static str, kind: &'static str, place: Place, priority: i32) -> Command {
    AddChain(Chain { name, hook: Some(Hook { kind, place, priority }) })
}

fn rule<const N: usize>(
    chain: &'static str,
    conditions: [Condition; N],
    verdict: Verdict,
) -> Command {
    AddRule(Rule { chain, conditions: conditions.into(), verdict })
}
