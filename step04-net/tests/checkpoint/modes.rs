//! `--network none`, `host` and `bridge`, and what a network namespace of its own keeps apart.

use anyhow::Result;
use conformance::{Sandbox, expect};
use serde_json::json;

use crate::scene::{Staying, host, ready, silence, step04, talk};

const READ: &str = "network_namespaces(7)";

pub fn none_is_loopback_alone(sandbox: &Sandbox) -> Result<()> {
    let outside = sandbox.probe(["report"]).output()?.json()?;
    let inside = step04(sandbox).args(["--network", "none"]).report()?;
    let namespace = |report: &serde_json::Value| report["namespaces"]["net"].clone();
    expect::differs("the network namespace", &namespace(&inside), &namespace(&outside), READ)?;
    let names: Vec<_> = inside["interfaces"].as_object().into_iter().flatten().collect();
    expect::equal("the number of interfaces", &names.len(), 1, READ)?;
    let lo = &inside["interfaces"]["lo"];
    expect::equal("whether lo is up", &lo["up"], true, "rtnetlink(7)")?;
    expect::equal(
        "the addresses of lo",
        &lo["addresses"],
        json!(["127.0.0.1/8", "::1/128"]),
        READ,
    )?;
    expect::equal("the routes", &inside["routes"], json!([]), READ)
}

/// Both the loopback interface and the container's own, whose other flags are nobody's to change.
pub fn a_link_is_switched_on_and_no_more(sandbox: &Sandbox) -> Result<()> {
    const READ: &str = "netdevice(7), rtnetlink(7)";
    const MULTICAST: u32 = 0x1000;
    const FLAGS: &str = "file:/sys/class/net/eth0/flags";
    let inside = step04(sandbox).args(["--network", "none"]).report()?;
    expect::equal("whether lo is up", &inside["interfaces"]["lo"]["up"], true, READ)?;
    let run = step04(sandbox).args(["--network", "bridge"]);
    let inside = run.probe(["report", "interfaces", FLAGS]).output()?.json()?;
    expect::equal("whether eth0 is up", &inside["interfaces"]["eth0"]["up"], true, READ)?;
    let text = inside[FLAGS].as_str().unwrap_or_default().trim();
    let flags = u32::from_str_radix(text.trim_start_matches("0x"), 16)?;
    let what = "eth0 keeps the flag IFF_MULTICAST (0x1000), which it is born with";
    expect::that(what, flags & MULTICAST != 0, text, READ)
}

pub fn host_is_the_hosts_own(sandbox: &Sandbox) -> Result<()> {
    let outside = sandbox.probe(["report"]).output()?.json()?;
    let inside = step04(sandbox).args(["--network", "host"]).report()?;
    for part in ["interfaces", "routes"] {
        expect::same(part, &inside[part], &outside[part], READ)?;
    }
    let (inside, outside) = (&inside["namespaces"]["net"], &outside["namespaces"]["net"]);
    expect::same("the network namespace", inside, outside, READ)
}

pub fn bridge_is_the_default_of_root(sandbox: &Sandbox) -> Result<()> {
    let inside = step04(sandbox).report()?;
    let eth0 = &inside["interfaces"]["eth0"];
    expect::equal("whether eth0 is up", &eth0["up"], true, "veth(4)")
}

pub fn none_is_the_default_without_privilege(sandbox: &Sandbox) -> Result<()> {
    // Root of a user namespace, which the network namespace does not belong to.
    let run = sandbox.run("unshare").args(["--map-root-user", env!("CARGO_BIN_EXE_step04")]);
    let inside = run.report()?;
    let names: Vec<_> = inside["interfaces"].as_object().into_iter().flatten().collect();
    expect::equal("the number of interfaces", &names.len(), 1, READ)
}

pub fn the_hosts_ports_are_out_of_reach(sandbox: &Sandbox) -> Result<()> {
    let server = ready(sandbox.probe(["listen", "127.0.0.1:7001"]))?;
    for network in ["none", "bridge"] {
        let why = silence(step04(sandbox).args(["--network", network]), "127.0.0.1:7001")?;
        expect::equal("the answer on the container's loopback", &why, "ECONNREFUSED", READ)?;
    }
    // The server was there all the time, and whoever shares the host's network reaches it.
    talk(step04(sandbox).args(["--network", "host"]), "connect", "127.0.0.1:7001")?;
    server.wait()?.success().map(drop)
}

pub fn the_hosts_abstract_sockets_are_out_of_reach(sandbox: &Sandbox) -> Result<()> {
    let server = ready(sandbox.probe(["abstract-listen", "layers-secret"]))?;
    let connect = ["abstract-connect", "layers-secret", "hello"];
    for network in ["none", "bridge"] {
        let outcome = step04(sandbox).args(["--network", network]).probe(connect).output()?;
        outcome.code(1)?;
        expect::contains("the error", &outcome.stderr(), "ECONNREFUSED", "unix(7)")?;
    }
    step04(sandbox).args(["--network", "host"]).probe(connect).output()?.success()?;
    server.wait()?.success().map(drop)
}

pub fn ports_are_its_own(sandbox: &Sandbox) -> Result<()> {
    let server = ready(sandbox.probe(["listen", "0.0.0.0:7002"]))?;
    for (network, wanted) in [("none", "ok"), ("bridge", "ok"), ("host", "EADDRINUSE")] {
        let run = step04(sandbox).args(["--network", network]).probe(["try", "bind=7002"]);
        let bound = run.output()?.json()?["bind=7002"].clone();
        expect::equal("whether a port that the host uses can be used", &bound, wanted, READ)?;
    }
    talk(sandbox.run("env"), "connect", "127.0.0.1:7002")?;
    server.wait()?.success().map(drop)
}

pub fn what_is_done_inside_is_not_seen_outside(sandbox: &Sandbox) -> Result<()> {
    let container = Staying::new(step04(sandbox))?;
    let before = host(sandbox, "ip -o addr; ip route show table all")?;
    let act = "ip link add mine type bridge; ip addr add 203.0.113.1/24 dev eth0; \
               ip route add 198.51.100.0/24 dev eth0; ip link set lo down; ip -o link";
    let run = step04(sandbox).args(["--network", "none", "sh", "-c"]);
    let inside = run.arg(act.replace("eth0", "lo")).output()?;
    expect::contains("the container's interfaces", &inside.stdout(), "mine", READ)?;
    let after = host(sandbox, "ip -o addr; ip route show table all")?;
    expect::same("the host's interfaces and routes", &after, &before, READ)?;
    container.end()
}
