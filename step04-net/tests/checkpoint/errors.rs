//! What cannot be done is refused in one line, and nothing of it stays.

use anyhow::Result;
use conformance::{Run, Sandbox, expect};

use crate::scene::{Staying, host, ruleset, step04};

fn refusal(run: Run<'_>) -> Result<String> {
    run.probe(["exit", "0"]).output()?.error_line(125)
}

pub fn bad_values_are_refused_in_one_line(sandbox: &Sandbox) -> Result<()> {
    let values = [
        ("--network", "bridged"),
        ("--network", ""),
        ("--publish", ""),
        ("--publish", "80"),
        ("--publish", ":80"),
        ("--publish", "80:"),
        ("--publish", "0:80"),
        ("--publish", "80:65536"),
        ("--publish", "+80:80"),
        ("--publish", "80-70:80-70"),
        ("--publish", "80-89:80"),
        ("--publish", "80:80/sctp"),
        ("--publish", "80:80/"),
        ("--publish", "::1:80:80"),
        ("--publish", "localhost:80:80"),
        ("--publish", "192.0.2.256:80:80"),
        ("--subnet", "10.88.0.0"),
        ("--subnet", "10.88.0.0/x"),
        ("--subnet", "10.88.0.0/31"),
        ("--subnet", "10.88.0.0/7"),
        ("--subnet", "10.88.0.1/16"),
        ("--subnet", "127.0.0.0/16"),
        ("--subnet", "224.0.0.0/8"),
        ("--dns", "ns.example"),
        ("--add-host", "db"),
        ("--add-host", "db:"),
        ("--add-host", ":192.0.2.7"),
        ("--add-host", "d b:192.0.2.7"),
    ];
    let line = |(flag, value)| refusal(step04(sandbox).args([flag, value]));
    let lines = values.into_iter().map(line).collect::<Result<Vec<_>>>()?;
    insta::assert_snapshot!(lines.join("\n"), @r#"
    step04: net: --network "bridged": expected none, host or bridge
    step04: net: --network "": expected none, host or bridge
    step04: net: --publish "": expected [IP:]HOST:CONTAINER[/tcp|/udp], as in 8080:80
    step04: net: --publish "80": expected [IP:]HOST:CONTAINER[/tcp|/udp], as in 8080:80
    step04: net: --publish ":80": ports are 1 to 65535, as 80 or 80-89
    step04: net: --publish "80:": ports are 1 to 65535, as 80 or 80-89
    step04: net: --publish "0:80": ports are 1 to 65535, as 80 or 80-89
    step04: net: --publish "80:65536": ports are 1 to 65535, as 80 or 80-89
    step04: net: --publish "+80:80": ports are 1 to 65535, as 80 or 80-89
    step04: net: --publish "80-70:80-70": ports are 1 to 65535, as 80 or 80-89
    step04: net: --publish "80-89:80": the two ranges must be of one length
    step04: net: --publish "80:80/sctp": the protocol must be tcp or udp
    step04: net: --publish "80:80/": the protocol must be tcp or udp
    step04: net: --publish "::1:80:80": "::1" is not an IPv4 address
    step04: net: --publish "localhost:80:80": "localhost" is not an IPv4 address
    step04: net: --publish "192.0.2.256:80:80": "192.0.2.256" is not an IPv4 address
    step04: net: --subnet "10.88.0.0": expected ADDRESS/LENGTH, as in 10.88.0.0/16
    step04: net: --subnet "10.88.0.0/x": expected ADDRESS/LENGTH, as in 10.88.0.0/16
    step04: net: --subnet "10.88.0.0/31": the length must be 8 to 30
    step04: net: --subnet "10.88.0.0/7": the length must be 8 to 30
    step04: net: --subnet "10.88.0.1/16": the subnet of that address is 10.88.0.0/16
    step04: net: --subnet "127.0.0.0/16": these addresses are not for hosts
    step04: net: --subnet "224.0.0.0/8": these addresses are not for hosts
    step04: net: --dns "ns.example": expected an IP address
    step04: net: --add-host "db": expected NAME:IP or NAME:host-gateway, as in db:10.0.0.7
    step04: net: --add-host "db:": expected NAME:IP or NAME:host-gateway, as in db:10.0.0.7
    step04: net: --add-host ":192.0.2.7": expected NAME:IP or NAME:host-gateway, as in db:10.0.0.7
    step04: net: --add-host "d b:192.0.2.7": expected NAME:IP or NAME:host-gateway, as in db:10.0.0.7
    "#);
    Ok(())
}

pub fn what_only_a_bridge_has_is_refused_without_one(sandbox: &Sandbox) -> Result<()> {
    let line = |network| refusal(step04(sandbox).args(["-p", "8080:80", "--network", network]));
    insta::assert_snapshot!(format!("{}\n{}", line("none")?, line("host")?), @"
    step04: net: --publish needs --network bridge, not none
    step04: net: --publish needs --network bridge, not host
    ");
    Ok(())
}

pub fn a_bridge_takes_privilege(sandbox: &Sandbox) -> Result<()> {
    let run = || sandbox.run("unshare").args(["--map-root-user", env!("CARGO_BIN_EXE_step04")]);
    let asked = refusal(run().args(["--network", "bridge"]))?;
    let implied = refusal(run().args(["--publish", "8080:80"]))?;
    insta::assert_snapshot!(format!("{asked}\n{implied}"), @"
    step04: net: a bridge needs CAP_NET_ADMIN in the host's network namespace (without it there are --network none and --network host)
    step04: net: a bridge needs CAP_NET_ADMIN in the host's network namespace (without it there are --network none and --network host)
    ");
    Ok(())
}

pub fn a_pool_that_is_used_up_says_so(sandbox: &Sandbox) -> Result<()> {
    let small = || step04(sandbox).args(["--subnet", "10.99.0.0/30"]);
    let first = Staying::new(small())?;
    insta::assert_snapshot!(refusal(small())?, @"step04: net: no address is left in 10.99.0.0/30: other containers have all 1");
    first.end()?;
    small().probe(["exit", "0"]).output()?.success().map(drop)
}

pub fn a_subnet_that_cannot_be_had_is_refused(sandbox: &Sandbox) -> Result<()> {
    let another = || step04(sandbox).args(["--subnet", "10.99.0.0/24"]);
    let container = Staying::new(step04(sandbox))?;
    insta::assert_snapshot!(refusal(another())?, @"step04: net: --subnet 10.99.0.0/24: layers0 has 10.88.0.0/16 as long as containers use it");
    container.end()?;
    another().probe(["exit", "0"]).output()?.success()?;

    host(sandbox, "ip addr add 10.99.0.1/24 dev lo")?;
    let line = refusal(step04(sandbox).args(["--subnet", "10.99.0.0/16"]))?;
    insta::assert_snapshot!(line, @"step04: net: --subnet 10.99.0.0/16: the host has a route to 10.99.0.0/24");
    host(sandbox, "ip addr del 10.99.0.1/24 dev lo").map(drop)
}

pub fn a_strangers_bridge_is_left_alone(sandbox: &Sandbox) -> Result<()> {
    host(sandbox, "ip link add layers0 type bridge; ip addr add 10.88.0.9/16 dev layers0")?;
    insta::assert_snapshot!(refusal(step04(sandbox))?, @"step04: net: there is a layers0 that no runtime of this user made (`ip link del layers0`?)");
    host(sandbox, "ip link del layers0").map(drop)
}

pub fn a_container_that_does_not_start_leaves_nothing(sandbox: &Sandbox) -> Result<()> {
    let run = step04(sandbox).args(["-p", "8080:80", "--", "/no/such/command"]);
    run.output()?.error_line(127)?;
    // Where the first port could be had and the second could not.
    let run = step04(sandbox).args(["-p", "8080:80", "-p", "8080:81"]);
    refusal(run)?;
    expect::equal("the rules", &ruleset(sandbox)?, "", "nft(8)")
}
