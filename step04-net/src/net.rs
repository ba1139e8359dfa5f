//! The network namespace: interfaces, addresses, routes, firewall and ports of the container's own.
//!
//! See network_namespaces(7). A new one holds nothing but a loopback interface, which is down. On a
//! bridge the container gets one end of a virtual cable (veth(4)), whose other end is plugged into
//! the host's bridge:
//!
//! ```text
//!   container          host
//!   eth0 ═════ veth ═══ layers0 ─ forwarding, NAT ─ the host's interfaces
//!   10.88.0.2           10.88.0.1
//! ```

use std::{fmt, net::Ipv4Addr, os::fd::OwnedFd, str::FromStr};

use anyhow::{Context, Error, Result, anyhow, bail};
use nix::{sched::CloneFlags, unistd::Pid};
use step03::{Explain, Layer};

use crate::{
    Files, Lease, Publish, RunDir, Subnet,
    bridge::{self, BRIDGE},
    conntrack, nft,
    pool::Pool,
    rtnetlink::{Peer, Rtnetlink},
    rules, sysctl,
};

/// What network a container has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Loopback alone.
    None,
    /// The host's: no network namespace is made.
    Host,
    /// An address of its own on a bridge of the host.
    Bridge,
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self::None),
            "host" => Ok(Self::Host),
            "bridge" => Ok(Self::Bridge),
            _ => Err(anyhow!("net: --network {text:?}: expected none, host or bridge")),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Host => "host",
            Self::Bridge => "bridge",
        })
    }
}

/// The container's end of the veth pair.
const ETH0: &str = "eth0";

/// The layer that gives the container a network.
pub struct Net {
    /// `None` chooses: a bridge where the caller may change the network of the host, otherwise
    /// loopback alone.
    pub network: Option<Network>,
    /// The bridge's addresses; `None` chooses ones that the host has no route to.
    pub subnet: Option<Subnet>,
    /// The ports of the host that lead into the container; only with a bridge.
    pub publish: Vec<Publish>,
    /// Files that go with the network.
    pub files: Files,
    id: String,
    joined: Option<Joined>,
}

/// What a container on the bridge has on the host.
struct Joined {
    place: Option<(Lease, Subnet)>,
    _reserved: Vec<OwnedFd>,
}

impl Net {
    /// For the container whose run directory this is.
    pub fn new(run_dir: &RunDir) -> Self {
        let files = Files { dir: run_dir.path().to_owned(), ..Files::default() };
        Self {
            network: None,
            subnet: None,
            publish: Vec::new(),
            files,
            id: run_dir.id().to_string(),
            joined: None,
        }
    }

    /// The container's address on the bridge, once it has one.
    pub fn address(&self) -> Option<Ipv4Addr> {
        let (lease, _) = self.joined.as_ref()?.place.as_ref()?;
        Some(lease.address)
    }

    /// What is asked for, or the best that the kernel allows.
    fn decide(&self) -> Result<Network> {
        let permitted = || Rtnetlink::open().is_ok_and(|rtnetlink| rtnetlink.permitted());
        match self.network {
            None if self.publish.is_empty() && !permitted() => Ok(Network::None),
            None | Some(Network::Bridge) if !permitted() => bail!(
                "a bridge needs CAP_NET_ADMIN in the host's network namespace \
                 (without it there are --network none and --network host)"
            ),
            None => Ok(Network::Bridge),
            Some(network) if network != Network::Bridge && !self.publish.is_empty() => {
                bail!("--publish needs --network bridge, not {network}")
            }
            Some(network) => Ok(network),
        }
    }

    /// Takes ports, an address and, where this is the first container, makes the bridge.
    fn join(&mut self, explain: &Explain) -> Result<(Lease, Subnet)> {
        let mut reserved = Vec::new();
        for publish in &self.publish {
            reserved.extend(publish.reserve()?);
        }
        let joined = self.joined.insert(Joined { place: None, _reserved: reserved });
        let pool = Pool::lock(explain)?;
        let rtnetlink = Rtnetlink::open().context("opening a netlink socket")?;
        let subnet = bridge::ready(explain, &rtnetlink, &pool, self.subnet)?;
        let lease = pool.take(explain, subnet, &self.id, &self.publish)?;
        if !self.publish.is_empty() {
            // Lets 127.0.0.1 of the host be the source of packets on the bridge.
            let localnet = format!("/proc/sys/net/ipv4/conf/{BRIDGE}/route_localnet");
            sysctl::switch(explain, &localnet, true)?;
            nft::run(explain, &rules::publish(&lease)).context("publishing ports")?;
            conntrack::forget(explain, &self.publish)?;
        }
        joined.place = Some((lease.clone(), subnet));
        Ok((lease, subnet))
    }
}

impl Layer for Net {
    fn name(&self) -> &'static str {
        "net"
    }

    fn namespaces(&self) -> CloneFlags {
        // ANCHOR: exercise-4-1
        match self.network {
            Some(Network::Host) => CloneFlags::empty(),
            _ => CloneFlags::CLONE_NEWNET,
        }
        // ANCHOR_END: exercise-4-1
    }

    fn recover(&mut self, explain: &Explain) -> Result<()> {
        bridge::tidy(explain)
    }

    fn prepare(&mut self, explain: &Explain) -> Result<()> {
        let network = *self.network.insert(self.decide()?);
        let mut address = None;
        if network == Network::Bridge {
            let (lease, subnet) = self.join(explain)?;
            address = Some((lease.address, subnet));
        }
        self.files.write(explain, network, address)
    }

    // ANCHOR: net-hooks
    fn attach(&mut self, explain: &Explain, child: Pid) -> Result<()> {
        let Some(Joined { place: Some((lease, _)), .. }) = &self.joined else { return Ok(()) };
        let (link, address) = (lease.link(), lease.address);
        let rtnetlink = Rtnetlink::open().context("opening a netlink socket")?;
        let mtu = bridge::mtu(&rtnetlink).context("looking at the default route")?;
        let peer = Peer { name: ETH0, mac: bridge::mac(address), netns: child };
        explain.act(
            format_args!(
                "ip link add {link} mtu {mtu} master {BRIDGE} type veth \
                 peer name {ETH0} mtu {mtu} address {} netns {child}",
                bridge::mac_text(address)
            ),
            format_args!("making the veth pair {link} and {ETH0}"),
            || rtnetlink.add_veth(&link, BRIDGE, mtu, peer),
        )?;
        sysctl::without_ipv6(explain, &link)?;
        // Hairpin: so that a container can reach itself by a port that it has published.
        explain.act(
            format_args!("ip link set {link} up type bridge_slave hairpin on"),
            format_args!("switching {link} on"),
            || rtnetlink.set_port_up(&link),
        )
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        if self.network == Some(Network::Host) {
            return Ok(());
        }
        let rtnetlink = Rtnetlink::open().context("opening a netlink socket")?;
        explain.act("ip link set lo up", "switching lo on", || rtnetlink.set_up("lo"))?;
        let Some(Joined { place: Some((lease, subnet)), .. }) = &self.joined else {
            return Ok(());
        };
        set_up_eth0(explain, &rtnetlink, lease.address, *subnet)
    }
    // ANCHOR_END: net-hooks

    fn release(&mut self, explain: &Explain) -> Result<()> {
        if self.joined.is_some() {
            bridge::leave(explain, &self.id)?;
            self.joined = None;
        }
        Ok(())
    }
}

// ANCHOR: eth0
/// In the container, from its first process: the kernel takes no route by a link that is down, nor
/// via a neighbour that no address of the link's leads to.
fn set_up_eth0(
    explain: &Explain,
    rtnetlink: &Rtnetlink,
    address: Ipv4Addr,
    subnet: Subnet,
) -> Result<()> {
    // ANCHOR: exercise-4-6
    let gateway = subnet.gateway();
    sysctl::without_ipv6(explain, ETH0)?;
    explain.act(
        format_args!("ip addr add {address}/{} broadcast + dev {ETH0}", subnet.length()),
        format_args!("giving {ETH0} the address {address}"),
        || rtnetlink.add_address(ETH0, address, subnet),
    )?;
    explain.act(
        format_args!("ip link set {ETH0} up"),
        format_args!("switching {ETH0} on"),
        || rtnetlink.set_up(ETH0),
    )?;
    explain.act(
        format_args!("ip route add default via {gateway}"),
        format_args!("adding the default route via {gateway}"),
        || rtnetlink.add_default_route(gateway),
    )
    // ANCHOR_END: exercise-4-6
}
// ANCHOR_END: eth0
