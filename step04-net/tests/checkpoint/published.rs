//! Published ports: who reaches them, by which way, and who has them.

use anyhow::{Context, Result};
use conformance::{Run, Running, Sandbox, expect};

use crate::scene::{Neighbour, Staying, beside, init, ready, ruleset, silence, step04, talk};

pub fn a_published_port_is_reached_by_all_ways(sandbox: &Sandbox) -> Result<()> {
    by_all_ways(sandbox, "tcp", "listen", "connect")
}

pub fn a_published_udp_port_is_reached_by_all_ways(sandbox: &Sandbox) -> Result<()> {
    by_all_ways(sandbox, "udp", "udp-listen", "udp-send")
}

fn by_all_ways(sandbox: &Sandbox, protocol: &str, listen: &str, send: &str) -> Result<()> {
    let neighbour = Neighbour::new(sandbox, "wan", "192.0.2")?;
    let publish = format!("8080:80/{protocol}");
    let serve = || -> Result<Running> {
        ready(step04(sandbox).args(["-p", &publish]).probe([listen, "0.0.0.0:80"]))
    };
    let way = |who: &str, client: Run<'_>, to: &str, seen: &str| -> Result<()> {
        let server = serve()?;
        let from = talk(client, send, to);
        let from = from.with_context(|| format!("{who} does not reach the published port"))?;
        let what = format!("where the container sees {who} that comes by {to}");
        expect::equal(&what, &from, seen, "nft(8)")?;
        server.wait()?.success().map(drop)
    };
    // From another machine, whose address the container is to know.
    way("another machine", neighbour.run(), "192.0.2.1:8080", "192.0.2.2")?;
    // From the host, by each of its addresses.
    way("the host", sandbox.run("env"), "192.0.2.1:8080", "192.0.2.1")?;
    way("the host", sandbox.run("env"), "10.88.0.1:8080", "10.88.0.1")?;
    way("the host", sandbox.run("env"), "127.0.0.1:8080", "10.88.0.1")?;
    way("the host", sandbox.run("env"), "127.0.0.2:8080", "10.88.0.1")?;
    // From another container, which cannot be answered past the host.
    way("another container", step04(sandbox), "192.0.2.1:8080", "10.88.0.1")?;
    way("another container", step04(sandbox), "10.88.0.1:8080", "10.88.0.1")?;
    // From the container itself.
    let server = serve()?;
    let itself = talk(beside(sandbox, init(&server)?), send, "10.88.0.1:8080");
    itself.context("the container does not reach its own published port")?;
    server.wait()?.success().map(drop)
}

pub fn a_range_is_published_port_by_port(sandbox: &Sandbox) -> Result<()> {
    for (outside, inside) in [(9000, 80), (9004, 84), (9009, 89)] {
        let run = step04(sandbox).args(["-p", "9000-9009:80-89"]);
        let server = ready(run.probe(["listen", &format!("0.0.0.0:{inside}")]))?;
        talk(sandbox.run("env"), "connect", &format!("127.0.0.1:{outside}"))?;
        server.wait()?.success()?;
    }
    // More than a message of the kernel's firewall can hold.
    let container = Staying::new(step04(sandbox).args(["-p", "20000-20499:20000-20499"]))?;
    container.end()
}

pub fn a_port_of_one_address_is_not_on_the_others(sandbox: &Sandbox) -> Result<()> {
    let neighbour = Neighbour::new(sandbox, "wan", "192.0.2")?;
    let run = step04(sandbox).args(["-p", "127.0.0.1:8080:80"]);
    let server = ready(run.probe(["listen", "0.0.0.0:80"]))?;
    let refused = "ECONNREFUSED";
    expect::equal(
        "by another address",
        &silence(neighbour.run(), "192.0.2.1:8080")?,
        refused,
        "nft(8)",
    )?;
    expect::equal(
        "by 127.0.0.2",
        &silence(sandbox.run("env"), "127.0.0.2:8080")?,
        refused,
        "nft(8)",
    )?;
    talk(sandbox.run("env"), "connect", "127.0.0.1:8080")?;
    server.wait()?.success()?;

    let run = step04(sandbox).args(["-p", "192.0.2.1:8080:80"]);
    let server = ready(run.probe(["listen", "0.0.0.0:80"]))?;
    expect::equal(
        "by 127.0.0.1",
        &silence(sandbox.run("env"), "127.0.0.1:8080")?,
        refused,
        "nft(8)",
    )?;
    talk(neighbour.run(), "connect", "192.0.2.1:8080")?;
    server.wait()?.success().map(drop)
}

/// Only what is for this host is turned, not what passes through it.
pub fn a_port_of_another_machine_is_not_taken_for_the_hosts(sandbox: &Sandbox) -> Result<()> {
    let neighbour = Neighbour::new(sandbox, "wan", "192.0.2")?;
    let container = Staying::new(step04(sandbox).args(["-p", "8080:80"]))?;
    let server = ready(neighbour.run().probe(["listen", "192.0.2.2:8080"]))?;
    let passing = talk(beside(sandbox, container.init()?), "connect", "192.0.2.2:8080");
    passing.context("what is for port 8080 of another machine does not get there")?;
    server.wait()?.success()?;
    container.end()
}

pub fn a_port_goes_with_its_container(sandbox: &Sandbox) -> Result<()> {
    let other = Staying::new(step04(sandbox).args(["-p", "8081:80"]))?;
    let container = Staying::new(step04(sandbox).args(["-p", "8080:80"]))?;
    expect::contains("the rules", &ruleset(sandbox)?, "tcp . 8080", "nft(8)")?;
    container.end()?;
    let rules = ruleset(sandbox)?;
    expect::equal("whether the port is still there", &rules.contains("8080"), false, "nft(8)")?;
    expect::contains("the other's", &rules, "tcp . 8081", "nft(8)")?;
    let why = silence(sandbox.run("env"), "127.0.0.1:8080")?;
    expect::equal("whether it is reached", &why, "ECONNREFUSED", "nft(8)")?;
    other.end()
}

pub fn a_port_of_the_host_cannot_be_published(sandbox: &Sandbox) -> Result<()> {
    let server = ready(sandbox.probe(["listen", "127.0.0.1:8080"]))?;
    let line =
        step04(sandbox).args(["-p", "8080:80"]).probe(["exit", "0"]).output()?.error_line(125)?;
    insta::assert_snapshot!(line, @"step04: net: --publish 8080:80/tcp: port 8080/tcp of the host is in use, by a server or by another container");
    // Nor is it taken away from the one who has it.
    talk(sandbox.run("env"), "connect", "127.0.0.1:8080")?;
    server.wait()?.success().map(drop)
}

pub fn a_port_of_another_container_cannot_be_published(sandbox: &Sandbox) -> Result<()> {
    let other = Staying::new(step04(sandbox).args(["-p", "8080-8089:80-89/udp"]))?;
    let run = step04(sandbox).args(["-p", "8085:80/udp"]);
    let line = run.probe(["exit", "0"]).output()?.error_line(125)?;
    insta::assert_snapshot!(line, @"step04: net: --publish 8085:80/udp: port 8085/udp of the host is in use, by a server or by another container");
    let run = step04(sandbox).args(["-p", "7000:70", "-p", "7000:71"]);
    let line = run.probe(["exit", "0"]).output()?.error_line(125)?;
    insta::assert_snapshot!(line, @"step04: net: --publish 7000:71/tcp: port 7000/tcp of the host is in use, by a server or by another container");
    let run = step04(sandbox).args(["-p", "192.0.2.99:7000:70"]);
    let line = run.probe(["exit", "0"]).output()?.error_line(125)?;
    insta::assert_snapshot!(line, @"step04: net: --publish 192.0.2.99:7000:70/tcp: 192.0.2.99 is no address of this host");
    // A server of the host cannot have it either.
    let taken = sandbox.probe(["udp-listen", "0.0.0.0:8085"]).output()?;
    taken.code(1)?;
    expect::contains("the error", &taken.stderr(), "EADDRINUSE", "udp(7)")?;
    other.end()
}

pub fn tcp_and_udp_ports_are_different_ports(sandbox: &Sandbox) -> Result<()> {
    let udp = step04(sandbox).args(["-p", "8080:80/udp"]);
    let udp = ready(udp.probe(["udp-listen", "0.0.0.0:80"]))?;
    let tcp = step04(sandbox).args(["-p", "8080:80/tcp"]);
    let tcp = ready(tcp.probe(["listen", "0.0.0.0:80"]))?;
    talk(sandbox.run("env"), "connect", "127.0.0.1:8080")?;
    talk(sandbox.run("env"), "udp-send", "127.0.0.1:8080")?;
    udp.wait()?.success()?;
    tcp.wait()?.success().map(drop)
}

/// The kernel takes all that comes from one port for one connection, and sends it on to where the
/// first of it went: neither to who publishes the port now, nor to nobody.
pub fn a_client_that_goes_on_sending_is_heard_by_the_next(sandbox: &Sandbox) -> Result<()> {
    let neighbour = Neighbour::new(sandbox, "wan", "192.0.2")?;
    let send = || {
        let send = ["udp-send", "192.0.2.1:8080", "hello", "5000"];
        neighbour.run().arg("--").arg(sandbox.probe_path()).args(send).output()
    };
    let listen = ["udp-listen", "0.0.0.0:80"];
    let serve = || ready(step04(sandbox).args(["-p", "8080:80/udp"]).probe(listen));
    // The kernel tracks connections as long as there are rules that ask for it.
    let stays = Staying::new(step04(sandbox))?;
    send()?.code(1)?; // before there is anybody
    let first = serve()?;
    send()?.success()?;
    first.wait()?.success()?;
    // The next one has the address that the first had, but has published nothing.
    let private = ready(step04(sandbox).probe(listen))?;
    send()?.code(1)?;
    let second = serve()?;
    send()?.success()?;
    second.wait()?.success()?;
    talk(sandbox.run("env"), "udp-send", "10.88.0.3:80")?;
    private.wait()?.success()?;
    stays.end()
}
