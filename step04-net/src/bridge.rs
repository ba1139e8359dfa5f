//! What all containers of a host share: the bridge that joins them, the firewall's table, and
//! forwarding. The first container that comes makes it, the last that leaves takes it away.
//!
//! Also by whom things are cleared away that a killed runtime left.

use anyhow::{Context, Result, anyhow, bail};
use nix::{errno::Errno, net::if_::if_nametoindex};
use std::net::Ipv4Addr;
use step03::{Explain, sh};

use crate::{
    Lease, Subnet, alive, conntrack,
    nft::{self, Command},
    pool::{Pool, Shared},
    rtnetlink::{Mac, Route, Rtnetlink},
    rules,
    sysctl::{self, IP_FORWARD},
};

/// The bridge's name.
pub(crate) const BRIDGE: &str = "layers0";

/// The hardware address that belongs to an address: no neighbour's memory of it gets stale when
/// the address is given to another container. The first byte says that it is not a factory's.
pub(crate) fn mac(address: Ipv4Addr) -> Mac {
    let [a, b, c, d] = address.octets();
    [2, 0, a, b, c, d]
}

/// `mac` as it is written.
pub(crate) fn mac_text(address: Ipv4Addr) -> String {
    mac(address).map(|byte| format!("{byte:02x}")).join(":")
}

/// Makes the bridge ready for one more container, and says which subnet it has.
pub(crate) fn ready(
    explain: &Explain,
    rtnetlink: &Rtnetlink,
    pool: &Pool,
    wanted: Option<Subnet>,
) -> Result<Subnet> {
    if let Some(Shared { subnet, .. }) = pool.shared()? {
        if !pool.leases()?.is_empty() {
            return match wanted {
                Some(wanted) if wanted != subnet => {
                    bail!("--subnet {wanted}: {BRIDGE} has {subnet} as long as containers use it")
                }
                _ => Ok(subnet),
            };
        }
        take_down(explain, rtnetlink, pool)?; // whoever made it was killed
    }
    set_up(explain, rtnetlink, pool, wanted)
}

fn set_up(
    explain: &Explain,
    rtnetlink: &Rtnetlink,
    pool: &Pool,
    wanted: Option<Subnet>,
) -> Result<Subnet> {
    if if_nametoindex(BRIDGE).is_ok() {
        bail!("there is a {BRIDGE} that no runtime of this user made (`ip link del {BRIDGE}`?)");
    }
    let subnet = choose(wanted, &rtnetlink.routes().context("reading the routes")?)?;
    let shared = Shared { subnet, router: sysctl::is_on(IP_FORWARD)? };
    pool.share(shared)?; // before anything that must be undone
    make_bridge(explain, rtnetlink, subnet)?;
    let table = nft::run(explain, &rules::table(subnet, shared.router));
    table.map_err(|errno| anyhow!("making the nft table: {errno}{}", missing(errno)))?;
    forward(explain, shared, true)?;
    Ok(subnet)
}

/// A switch made of software, which is also an interface of the host: the router of the containers.
fn make_bridge(explain: &Explain, rtnetlink: &Rtnetlink, subnet: Subnet) -> Result<()> {
    // ANCHOR: exercise-4-7
    let gateway = subnet.gateway();
    explain.act(
        format_args!("ip link add {BRIDGE} address {} type bridge", mac_text(gateway)),
        format_args!("making the bridge {BRIDGE}"),
        || rtnetlink.add_bridge(BRIDGE, mac(gateway)),
    )?;
    sysctl::without_ipv6(explain, BRIDGE)?;
    explain.act(
        format_args!("ip addr add {gateway}/{} broadcast + dev {BRIDGE}", subnet.length()),
        format_args!("giving {BRIDGE} the address {gateway}"),
        || rtnetlink.add_address(BRIDGE, gateway, subnet),
    )?;
    explain.act(
        format_args!("ip link set {BRIDGE} up"),
        format_args!("switching {BRIDGE} on"),
        || rtnetlink.set_up(BRIDGE),
    )
    // ANCHOR_END: exercise-4-7
}

/// Has the host hand packets on, or no longer, unless it was a router before there were containers.
fn forward(explain: &Explain, shared: Shared, on: bool) -> Result<()> {
    // ANCHOR: exercise-4-3
    if shared.router { Ok(()) } else { sysctl::switch(explain, IP_FORWARD, on) }
    // ANCHOR_END: exercise-4-3
}

/// Undoes `set_up`, also where that, or this, was interrupted.
fn take_down(explain: &Explain, rtnetlink: &Rtnetlink, pool: &Pool) -> Result<()> {
    let Some(shared) = pool.shared()? else { return Ok(()) };
    // ANCHOR: exercise-4-12
    // Forwarding is switched on after the bridge is made, and off before it is deleted. So where
    // there is none it is as it was, or as somebody else wants it.
    let bridge = if_nametoindex(BRIDGE).is_ok();
    if bridge {
        forward(explain, shared, false)?;
    }
    match nft::run(explain, &[Command::DeleteTable]) {
        Err(Errno::ENOENT | Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT) | Ok(()) => {}
        Err(errno) => return Err(errno).context("deleting the nft table"),
    }
    if bridge { delete_link(explain, rtnetlink, BRIDGE) } else { Ok(()) }
    // ANCHOR_END: exercise-4-12
}

/// Takes away what the container `id`, and every container whose runtime is dead, had on the
/// host; and what all shared, if they were the last.
pub(crate) fn leave(explain: &Explain, id: &str) -> Result<()> {
    let rtnetlink = Rtnetlink::open().context("opening a netlink socket")?;
    let own = |lease: &Lease| lease.id == id;
    // The kernel takes its time over a link (some 20 ms), for which nobody else has to wait: the
    // address, and so the link's name, stays this container's until its lease is given back.
    let leases = Pool::lock(explain)?.leases()?;
    for lease in leases.into_iter().filter(own) {
        delete_link(explain, &rtnetlink, &lease.link())?;
    }
    let pool = Pool::lock(explain)?;
    for lease in pool.leases()?.into_iter().filter(own) {
        forget(explain, &pool, &lease)?;
    }
    tidy_up(explain, &rtnetlink, pool)
}

/// Clears up after the dead, on behalf of a container that has nothing to do with the bridge.
pub(crate) fn tidy(explain: &Explain) -> Result<()> {
    if !Pool::exists()? {
        return Ok(());
    }
    let rtnetlink = Rtnetlink::open().context("opening a netlink socket")?;
    if !rtnetlink.permitted() {
        return Ok(()); // it is left to one who may
    }
    tidy_up(explain, &rtnetlink, Pool::lock(explain)?)
}

fn tidy_up(explain: &Explain, rtnetlink: &Rtnetlink, pool: Pool) -> Result<()> {
    reclaim(explain, rtnetlink, &pool)?;
    if pool.leases()?.is_empty() {
        take_down(explain, rtnetlink, &pool)?;
        pool.dissolve(explain)?;
    }
    Ok(())
}

/// Takes away what containers with dead runtimes had.
pub(crate) fn reclaim(explain: &Explain, rtnetlink: &Rtnetlink, pool: &Pool) -> Result<()> {
    for lease in pool.leases()?.into_iter().filter(|lease| !alive(&lease.id)) {
        delete_link(explain, rtnetlink, &lease.link())?;
        forget(explain, pool, &lease)?;
    }
    Ok(())
}

/// Gives an address back, and the ports that lead to it.
fn forget(explain: &Explain, pool: &Pool, lease: &Lease) -> Result<()> {
    if !lease.publish.is_empty() {
        // A runtime that was killed early has not come to publish anything.
        match nft::run(explain, &rules::unpublish(lease)) {
            Err(Errno::ENOENT) | Ok(()) => {}
            Err(errno) => return Err(errno).context("taking published ports back"),
        }
        conntrack::forget(explain, &lease.publish)?;
    }
    pool.give_back(explain, lease)
}

/// It may be gone: a veth pair goes with the network namespace that one end is in.
fn delete_link(explain: &Explain, rtnetlink: &Rtnetlink, name: &str) -> Result<()> {
    let doing = format!("deleting {name}");
    explain.act(sh(["ip", "link", "del", name]), doing, || match rtnetlink.delete(name) {
        Err(Errno::ENODEV) => Ok(()),
        result => result,
    })
}

/// A subnet that no route of the host leads to, but for the default route.
fn choose(wanted: Option<Subnet>, routes: &[Route]) -> Result<Subnet> {
    let taken = routes.iter().filter(|route| !route.is_default()).map(|route| route.destination);
    let route_to = |subnet| taken.clone().find(|taken| taken.overlaps(subnet));
    if let Some(wanted) = wanted {
        return match route_to(wanted) {
            Some(route) => bail!("--subnet {wanted}: the host has a route to {route}"),
            None => Ok(wanted),
        };
    }
    let tens = (88..=255).map(|n| Subnet::around(Ipv4Addr::new(10, n, 0, 0), 16));
    let others = (16..=31).map(|n| Subnet::around(Ipv4Addr::new(172, n, 0, 0), 16));
    let small = (0..=255).map(|n| Subnet::around(Ipv4Addr::new(192, 168, n, 0), 24));
    let free = tens.chain(others).chain(small).find(|subnet| route_to(*subnet).is_none());
    free.context("the host has routes to all private subnets (choose one with --subnet)")
}

/// The longest packet that gets from here into the world unbroken: what the link of the default
/// route can carry. A container that knows it does not send longer ones, nor ask for them.
pub(crate) fn mtu(rtnetlink: &Rtnetlink) -> nix::Result<u32> {
    const ETHERNET: u32 = 1500;
    let routes = rtnetlink.routes()?;
    let default = routes.iter().filter(|route| route.is_default()).min_by_key(|route| route.metric);
    match default.and_then(|route| route.link) {
        Some(link) => Ok(rtnetlink.mtu(link)?.unwrap_or(ETHERNET)),
        None => Ok(ETHERNET),
    }
}

/// What a kernel lacks that refuses the table; begins with a space.
fn missing(errno: Errno) -> &'static str {
    match errno {
        Errno::EPROTONOSUPPORT | Errno::EOPNOTSUPP => {
            " (this kernel has no nf_tables: CONFIG_NF_TABLES, CONFIG_NF_TABLES_IPV4)"
        }
        Errno::ENOENT => {
            " (this kernel lacks a part of nf_tables: CONFIG_NFT_NAT, CONFIG_NFT_MASQ, \
             CONFIG_NFT_CT, CONFIG_NFT_FIB_IPV4)"
        }
        Errno::EEXIST => " (there is a table `ip layers` that no runtime of this user made)",
        _ => "",
    }
}
