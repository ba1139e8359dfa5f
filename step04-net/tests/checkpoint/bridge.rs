//! On a bridge: addresses, and what containers share.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result};
use conformance::{Sandbox, expect};
use serde_json::json;

use crate::scene::{Neighbour, Staying, host, ready, ruleset, step04, sysctl, talk};

pub fn eth0_has_an_address_of_the_subnet(sandbox: &Sandbox) -> Result<()> {
    let inside = step04(sandbox).args(["--network", "bridge"]).report()?;
    let addresses = &inside["interfaces"]["eth0"]["addresses"];
    expect::equal("what addresses eth0 has", addresses, json!(["10.88.0.2/16"]), "ip(7)")?;
    expect::equal("whether lo is up", &inside["interfaces"]["lo"]["up"], true, "rtnetlink(7)")
}

pub fn eth0_is_the_end_of_a_cable(sandbox: &Sandbox) -> Result<()> {
    let inside = step04(sandbox).args(["--network", "bridge"]).report()?;
    let eth0 = &inside["interfaces"]["eth0"];
    // Made of the address, so that a neighbour that remembers it for the next container is right.
    let wanted = "02:00:0a:58:00:02";
    expect::equal("the hardware address of eth0", &eth0["hardware"], wanted, "packet(7)")?;
    expect::equal("whether it has a carrier", &eth0["running"], true, "veth(4)")
}

pub fn the_way_out_is_by_the_bridge(sandbox: &Sandbox) -> Result<()> {
    let inside = step04(sandbox).args(["--network", "bridge"]).report()?;
    let routes = json!([
        {"interface": "eth0", "destination": "0.0.0.0/0", "gateway": "10.88.0.1"},
        {"interface": "eth0", "destination": "10.88.0.0/16", "gateway": "0.0.0.0"},
    ]);
    expect::equal("what routes there are", &inside["routes"], routes, "rtnetlink(7)")
}

pub fn eth0_does_not_speak_ipv6(sandbox: &Sandbox) -> Result<()> {
    let container = Staying::new(step04(sandbox))?;
    let setting = format!("/proc/{}/net/if_inet6", container.init()?);
    let addresses = std::fs::read_to_string(setting)?;
    expect::equal(
        "whether eth0 speaks IPv6",
        &addresses.contains("eth0"),
        false,
        "proc_pid_net(5)",
    )?;
    // Those have addresses only after a while. On a kernel without IPv6 there is no such setting.
    let settings = "cat /proc/sys/net/ipv6/conf/layers*/disable_ipv6 2> /dev/null || true";
    let speaks = host(sandbox, settings)?.contains('0');
    expect::equal("whether the host's ends speak IPv6", &speaks, false, "sysctl(8)")?;
    container.end()
}

pub fn host_and_container_talk(sandbox: &Sandbox) -> Result<()> {
    let server = ready(step04(sandbox).probe(["listen", "0.0.0.0:80"]))?;
    let from = talk(sandbox.run("env"), "connect", "10.88.0.2:80");
    let from = from.context("the host does not reach the container")?;
    expect::equal("where the container sees the host", &from, "10.88.0.1", "ip(7)")?;
    server.wait()?.success()?;

    let server = ready(sandbox.probe(["listen", "0.0.0.0:7003"]))?;
    let from = talk(step04(sandbox), "connect", "10.88.0.1:7003");
    let from = from.context("the container does not reach the host")?;
    expect::equal("where the host sees the container", &from, "10.88.0.2", "ip(7)")?;
    server.wait()?.success().map(drop)
}

pub fn containers_talk(sandbox: &Sandbox) -> Result<()> {
    let server = ready(step04(sandbox).probe(["listen", "0.0.0.0:80"]))?;
    let from = talk(step04(sandbox), "connect", "10.88.0.2:80");
    let from = from.context("one container does not reach the other")?;
    expect::equal("where one sees the other", &from, "10.88.0.3", "bridge(8)")?;
    server.wait()?.success().map(drop)
}

pub fn twenty_at_once_have_twenty_addresses(sandbox: &Sandbox) -> Result<()> {
    const MANY: usize = 20;
    let look = ["seq", "report", "interfaces", "--", "sleep", "1"];
    let run = || step04(sandbox).limit(Duration::from_secs(60)).probe(look).spawn();
    let running = (0..MANY).map(|_| run()).collect::<Result<Vec<_>>>()?;
    let mut addresses = BTreeSet::new();
    for mut container in running {
        let report: serde_json::Value = serde_json::from_str(&container.line()?)?;
        addresses.insert(report["interfaces"]["eth0"]["addresses"].to_string());
        container.wait()?.success()?;
    }
    expect::equal("the number of different addresses", &addresses.len(), MANY, "flock(2)")
}

pub fn an_address_that_was_given_back_is_given_again(sandbox: &Sandbox) -> Result<()> {
    let address = || -> Result<_> {
        Ok(step04(sandbox).report()?["interfaces"]["eth0"]["addresses"][0].clone())
    };
    let other = Staying::new(step04(sandbox))?;
    let (first, second) = (address()?, address()?);
    expect::equal("the first container's address", &first, "10.88.0.3/16", "ip(7)")?;
    expect::equal("the next one's", &second, "10.88.0.3/16", "ip(7)")?;
    other.end()
}

pub fn the_subnet_can_be_chosen(sandbox: &Sandbox) -> Result<()> {
    let inside = step04(sandbox).args(["--subnet", "192.168.9.64/26"]).report()?;
    let addresses = &inside["interfaces"]["eth0"]["addresses"];
    expect::equal("the address", addresses, json!(["192.168.9.66/26"]), "ip(7)")?;
    let gateway = &inside["routes"][0]["gateway"];
    expect::equal("the gateway", gateway, "192.168.9.65", "ip(7)")
}

pub fn a_subnet_that_the_host_uses_is_avoided(sandbox: &Sandbox) -> Result<()> {
    host(sandbox, "ip addr add 10.88.77.1/24 dev lo; ip route add 10.89.0.0/17 dev lo")?;
    let inside = step04(sandbox).report()?;
    let addresses = &inside["interfaces"]["eth0"]["addresses"];
    expect::equal("the address", addresses, json!(["10.90.0.2/16"]), "rtnetlink(7)")?;
    host(sandbox, "ip addr del 10.88.77.1/24 dev lo; ip route del 10.89.0.0/17 dev lo").map(drop)
}

pub fn packets_are_as_long_as_the_way_out_allows(sandbox: &Sandbox) -> Result<()> {
    let neighbour = Neighbour::new(sandbox, "wan", "192.0.2")?;
    host(sandbox, "ip link set wan mtu 1400; ip route add default via 192.0.2.2")?;
    let run = step04(sandbox).args(["--network", "bridge", "ip", "link", "show", "eth0"]);
    let eth0 = run.output()?.stdout();
    expect::contains("eth0", &eth0, " mtu 1400 ", "netdevice(7)")?;
    drop(neighbour);
    let run = step04(sandbox).args(["--network", "bridge", "ip", "link", "show", "eth0"]);
    let eth0 = run.output()?.stdout();
    expect::contains("eth0 where there is no way out", &eth0, " mtu 1500 ", "netdevice(7)")
}

pub fn forwarding_is_what_it_was_before(sandbox: &Sandbox) -> Result<()> {
    const READ: &str = "ip(7), ip_forward";
    for before in ["0", "1"] {
        sandbox.probe(["write", "/proc/sys/net/ipv4/ip_forward", before]).output()?.success()?;
        let first = Staying::new(step04(sandbox))?;
        let second = Staying::new(step04(sandbox))?;
        expect::equal(
            "forwarding with two containers",
            &sysctl(sandbox, "ipv4/ip_forward")?,
            "1",
            READ,
        )?;
        first.end()?;
        expect::equal("forwarding with one left", &sysctl(sandbox, "ipv4/ip_forward")?, "1", READ)?;
        second.end()?;
        let after = sysctl(sandbox, "ipv4/ip_forward")?;
        expect::equal("forwarding when all are gone", &after, before, READ)?;
    }
    Ok(())
}

pub fn nothing_is_left_on_the_host(sandbox: &Sandbox) -> Result<()> {
    let first = Staying::new(step04(sandbox).args(["-p", "8080:80"]))?;
    let second = Staying::new(step04(sandbox))?;
    first.end()?;
    expect::contains("the rules with one left", &ruleset(sandbox)?, "masquerade", "nft(8)")?;
    second.end()?;
    expect::equal("the rules when all are gone", &ruleset(sandbox)?, "", "nft(8)")?;
    let forwards = sysctl(sandbox, "ipv4/ip_forward")?;
    expect::equal("forwarding when all are gone", &forwards, "0", "ip(7), ip_forward")
    // The check for traces sees the bridge.
}
