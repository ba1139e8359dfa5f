//! Beyond the host: network address translation, and who is let through.

use anyhow::{Context, Result};
use conformance::{Sandbox, expect};

use crate::scene::{Neighbour, Staying, host, ready, silence, step04, talk};

const NO_ANSWER: &str = "connection timed out";

pub fn containers_reach_the_world_by_the_hosts_address(sandbox: &Sandbox) -> Result<()> {
    let neighbour = Neighbour::new(sandbox, "wan", "192.0.2")?;
    for (listen, send) in [("listen", "connect"), ("udp-listen", "udp-send")] {
        let server = ready(neighbour.run().probe([listen, "192.0.2.2:7004"]))?;
        let from = talk(step04(sandbox), send, "192.0.2.2:7004");
        let from = from.context("a container does not reach another machine")?;
        expect::equal("where the world sees the container", &from, "192.0.2.1", "nft(8)")?;
        server.wait()?.success()?;
    }
    Ok(())
}

/// Not even by who knows the way, through a host that is a router anyway.
pub fn what_is_not_published_is_not_reached(sandbox: &Sandbox) -> Result<()> {
    host(sandbox, "echo 1 > /proc/sys/net/ipv4/ip_forward")?;
    let neighbour = Neighbour::new(sandbox, "wan", "192.0.2")?;
    neighbour.script("ip route add 10.88.0.0/16 via 192.0.2.1")?;
    let server = ready(step04(sandbox).args(["-p", "8080:81"]).probe(["listen", "0.0.0.0:80"]))?;
    let why = silence(neighbour.run(), "10.88.0.2:80")?;
    expect::equal("what comes of it", &why, NO_ANSWER, "nft(8)")?;
    talk(sandbox.run("env"), "connect", "10.88.0.2:80")?;
    server.wait()?.success().map(drop)
}

/// Forwarding is a switch of the whole host, but it was switched on for containers only.
pub fn the_host_is_no_router_for_others(sandbox: &Sandbox) -> Result<()> {
    let (one, other) = two_networks(sandbox)?;
    let container = Staying::new(step04(sandbox))?;
    let server = ready(other.run().probe(["listen", "198.51.100.2:7005"]))?;
    let why = silence(one.run(), "198.51.100.2:7005")?;
    expect::equal("what comes of it", &why, NO_ANSWER, "nft(8)")?;
    talk(step04(sandbox), "connect", "198.51.100.2:7005")?;
    server.wait()?.success()?;
    container.end()
}

pub fn a_router_stays_a_router(sandbox: &Sandbox) -> Result<()> {
    let (one, other) = two_networks(sandbox)?;
    host(sandbox, "echo 1 > /proc/sys/net/ipv4/ip_forward")?;
    let container = Staying::new(step04(sandbox))?;
    let server = ready(other.run().probe(["listen", "198.51.100.2:7005"]))?;
    let from = talk(one.run(), "connect", "198.51.100.2:7005")?;
    expect::equal("where one sees the other", &from, "192.0.2.2", "nft(8)")?;
    server.wait()?.success()?;
    container.end()
}

fn two_networks(sandbox: &Sandbox) -> Result<(Neighbour<'_>, Neighbour<'_>)> {
    let one = Neighbour::new(sandbox, "wan", "192.0.2")?;
    let other = Neighbour::new(sandbox, "lan", "198.51.100")?;
    one.script("ip route add default via 192.0.2.1")?;
    other.script("ip route add default via 198.51.100.1")?;
    Ok((one, other))
}

/// The bridge must carry packets for 127.0.0.0/8 so that 127.0.0.1 reaches published ports. It must
/// not let in packets for servers that trust in nobody reaching 127.0.0.1 from elsewhere.
pub fn the_bridge_is_no_way_to_the_hosts_loopback(sandbox: &Sandbox) -> Result<()> {
    let container = Staying::new(step04(sandbox).args(["-p", "8080:80"]))?;
    // A machine on the bridge that sends what no honest one would.
    let neighbour = Neighbour::new(sandbox, "evil", "192.0.2")?;
    host(sandbox, "ip addr flush dev evil; ip link set evil master layers0")?;
    neighbour.script(
        "ip addr flush dev lo
         ip addr add 10.88.99.99/16 dev evil
         ip route add 127.0.0.1 via 10.88.0.1
         echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet",
    )?;
    for address in ["127.0.0.1", "0.0.0.0"] {
        let server = ready(sandbox.probe(["listen", &format!("{address}:7006")]))?;
        let why = silence(neighbour.run(), "127.0.0.1:7006")?;
        expect::equal("what comes of it", &why, NO_ANSWER, "nft(8)")?;
        talk(sandbox.run("env"), "connect", "127.0.0.1:7006")?;
        server.wait()?.success()?;
    }
    drop(neighbour);
    container.end()
}

/// What pretends to come from somebody else is not let in: here, the answer of a resolver.
pub fn a_container_speaks_for_nobody_else(sandbox: &Sandbox) -> Result<()> {
    let container = Staying::new(step04(sandbox))?;
    let neighbour = Neighbour::new(sandbox, "evil", "192.0.2")?;
    host(sandbox, "ip addr flush dev evil; ip link set evil master layers0")?;
    neighbour.script(
        "ip addr add 198.51.100.53/32 dev evil
         ip route add 10.88.0.1 dev evil src 198.51.100.53",
    )?;
    let server = ready(sandbox.probe(["udp-listen", "0.0.0.0:7007"]))?;
    neighbour.run().probe(["udp-send", "10.88.0.1:7007", "lie"]).output()?.code(1)?;
    let first = talk(sandbox.run("env"), "udp-send", "127.0.0.1:7007")?;
    expect::equal("who is heard", &first, "127.0.0.1", "nft(8)")?;
    server.wait()?.success()?;
    drop(neighbour);
    container.end()
}
