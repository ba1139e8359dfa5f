//! `--explain` and `--help`.

use anyhow::{Context, Result};
use conformance::{Sandbox, expect};
use nix::unistd::Pid;

use crate::scene::{Staying, beside, host, step04};

/// A line of the narration.
#[derive(Clone, Copy)]
struct Told<'a> {
    side: &'a str,
    layer: &'a str,
    command: &'a str,
}

fn told(text: &str) -> Vec<Told<'_>> {
    let line = |line| {
        let (side, rest) = str::split_once(line, ' ')?;
        let (layer, command) = rest.trim_start().split_once(' ')?;
        Some(Told { side, layer, command: command.trim_start() })
    };
    text.lines().filter_map(line).collect()
}

/// The word that follows this mark for the first time.
fn word_after<'a>(text: &'a str, mark: &str) -> Result<&'a str> {
    let (_, rest) = text.split_once(mark).with_context(|| format!("no {mark:?} in {text}"))?;
    Ok(rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default())
}

pub fn every_act_is_told_in_order(sandbox: &Sandbox) -> Result<()> {
    let run = step04(sandbox).args(["--explain", "--hostname", "box", "--network", "bridge"]);
    let run = run.args(["-p", "8080:80", "--dns", "192.0.2.53"]);
    let text = run.probe(["exit", "0"]).output()?.stderr();
    // Other steps' acts are for their own checkpoints.
    let lines =
        told(&text).into_iter().filter(|told| !["mount", "propagation"].contains(&told.layer));
    let lines = lines.map(|told| format!("{} {}: {}", told.side, told.layer, told.command));
    let mut text = lines.collect::<Vec<_>>().join("\n");
    for (mark, name) in [("/run/layers/", "ID"), ("/.net-", "INODE"), (" netns ", "PID")] {
        let word = word_after(&text, mark)?.to_string();
        text = match name {
            "ID" => text.replace(&word, name), // also where it stands alone
            _ => text.replace(&format!("{mark}{word}"), &format!("{mark}{name}")),
        };
    }
    let text = text.replace(&sandbox.probe_path().display().to_string(), "PROBE");
    insta::assert_snapshot!(text, @r#"
    host rundir: mkdir -p --mode=711 /run/layers/ID
    host net: mkdir --mode=700 /run/layers/.net-INODE
    host net: ip link add layers0 address 02:00:0a:58:00:01 type bridge
    host net: echo 1 > /proc/sys/net/ipv6/conf/layers0/disable_ipv6
    host net: ip addr add 10.88.0.1/16 broadcast + dev layers0
    host net: ip link set layers0 up
    host net: nft add table ip layers
    host net: nft add map ip layers published '{ type inet_proto . inet_service : ipv4_addr . inet_service ; }'
    host net: nft add map ip layers published_at '{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service ; }'
    host net: nft add chain ip layers ports
    host net: nft add rule ip layers ports dnat ip to ip daddr . meta l4proto . th dport map @published_at
    host net: nft add rule ip layers ports fib daddr type local dnat ip to meta l4proto . th dport map @published
    host net: nft add chain ip layers prerouting '{ type nat hook prerouting priority -100 ; }'
    host net: nft add rule ip layers prerouting jump ports
    host net: nft add chain ip layers output '{ type nat hook output priority -100 ; }'
    host net: nft add rule ip layers output jump ports
    host net: nft add chain ip layers postrouting '{ type nat hook postrouting priority 100 ; }'
    host net: nft add rule ip layers postrouting ip saddr 10.88.0.0/16 oifname '!=' layers0 masquerade
    host net: nft add rule ip layers postrouting ip saddr 127.0.0.0/8 oifname layers0 masquerade
    host net: nft add rule ip layers postrouting ip saddr 10.88.0.0/16 oifname layers0 ct status dnat masquerade
    host net: nft add chain ip layers forward '{ type filter hook forward priority 0 ; }'
    host net: nft add rule ip layers forward iifname layers0 accept
    host net: nft add rule ip layers forward oifname layers0 ct state established,related accept
    host net: nft add rule ip layers forward oifname layers0 ct status dnat accept
    host net: nft add rule ip layers forward oifname layers0 drop
    host net: nft add chain ip layers guard '{ type filter hook prerouting priority -300 ; }'
    host net: nft add rule ip layers guard iifname layers0 ip daddr 127.0.0.0/8 drop
    host net: nft add rule ip layers guard iifname layers0 ip saddr '!=' 10.88.0.0/16 drop
    host net: nft add rule ip layers forward drop
    host net: echo 1 > /proc/sys/net/ipv4/ip_forward
    host net: echo ID > /run/layers/.net-INODE/10.88.0.2
    host net: echo 1 > /proc/sys/net/ipv4/conf/layers0/route_localnet
    host net: nft add element ip layers published '{ tcp . 8080 comment "ID" : 10.88.0.2 . 80 }'
    host net: printf %b '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n10.88.0.2 box\n' > /run/layers/ID/hosts
    host net: printf %b 'box\n' > /run/layers/ID/hostname
    host net: printf %b 'nameserver 192.0.2.53\n' > /run/layers/ID/resolv.conf
    host namespaces: unshare --fork --uts --ipc --pid --net --mount
    host net: ip link add layers-0a580002 mtu 1500 master layers0 type veth peer name eth0 mtu 1500 address 02:00:0a:58:00:02 netns PID
    host net: echo 1 > /proc/sys/net/ipv6/conf/layers-0a580002/disable_ipv6
    host net: ip link set layers-0a580002 up type bridge_slave hairpin on
    container uts: hostname box
    container net: ip link set lo up
    container net: echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6
    container net: ip addr add 10.88.0.2/16 broadcast + dev eth0
    container net: ip link set eth0 up
    container net: ip route add default via 10.88.0.1
    container exec: exec PROBE exit 0
    host net: ip link del layers-0a580002
    host net: nft delete element ip layers published '{ tcp . 8080 }'
    host net: rm /run/layers/.net-INODE/10.88.0.2
    host net: echo 0 > /proc/sys/net/ipv4/ip_forward
    host net: nft delete table ip layers
    host net: ip link del layers0
    host net: rm -r /run/layers/.net-INODE
    host rundir: rm -r /run/layers/ID
    host rundir: rmdir /run/layers
    "#);
    Ok(())
}

/// A person types in what was told, and gets what the runtime made.
pub fn what_is_told_can_be_followed(sandbox: &Sandbox) -> Result<()> {
    let run = step04(sandbox).args(["--explain", "--network", "bridge", "-p", "8080:80"]);
    let container = Staying::new(run.args(["-p", "127.0.0.1:7000-7001:70-71/udp"]))?;
    let made = state(sandbox, container.init()?)?;
    let text = container.outcome()?.stderr();
    let pid = word_after(&text, " netns ")?;

    let mut person = sandbox.run("unshare").args(["--net", "--"]).arg(sandbox.probe_path());
    person = person.arg("trap");
    let mut person = person.spawn()?;
    person.line()?;
    let born = person.pid();
    let (mut ours, mut theirs, mut after) = (vec![], vec![], vec![]);
    for told in told(&text).into_iter().filter(|told| ["rundir", "net"].contains(&told.layer)) {
        let command = told.command.replace(&format!("netns {pid}"), &format!("netns {born}"));
        match told.side {
            "container" => theirs.push(command),
            _ if theirs.is_empty() => ours.push(command),
            _ => after.push(command),
        }
    }
    host(sandbox, &ours.join("\n"))?;
    let inside = beside(sandbox, born).args(["--", "sh", "-ec", &theirs.join("\n")]);
    inside.output()?.success()?;
    let typed = state(sandbox, born)?;
    host(sandbox, &after.join("\n"))?;
    expect::same("what a person makes who follows", &typed, &made, "ip(8), nft(8)")
}

/// What there is on the host, and beside this process.
fn state(sandbox: &Sandbox, pid: Pid) -> Result<String> {
    let look = "ip -br addr | sed 's/@[^ ]*//'; ip -d link show type bridge | grep -o 'link/.*brd'
        ip route; nft list ruleset; cd /proc/sys/net/ipv4
        grep . ip_forward conf/*/route_localnet conf/*/forwarding ../ipv6/conf/*/disable_ipv6";
    let outside = host(sandbox, look)?;
    let look = "ip -br addr | sed 's/@[^ ]*//'; ip link show eth0 | grep -o 'link/.*brd'
        ip -o link show eth0 | grep -o ' mtu [0-9]*'; ip route
        cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6";
    let inside = beside(sandbox, pid).args(["--", "sh", "-ec", look]).output()?;
    inside.success()?;
    Ok(outside + &inside.stdout())
}

pub fn the_help_tells_the_defaults(sandbox: &Sandbox) -> Result<()> {
    let help = step04(sandbox).arg("--help").output()?.stdout();
    let network = help.split_once("Network namespace:\n");
    let (_, network) = network.with_context(|| format!("no part about the network in {help}"))?;
    insta::assert_snapshot!(network, @"
        --network <NETWORK>
            What the container is connected to: `none` (loopback alone), `host` (it has the host's own network) or `bridge` [default: bridge if you may change the host's network, else none]
    -p, --publish <[IP:]HOST:CONTAINER[/udp]>
            Let a port of the host lead to one of the container, or a range to a range; may be repeated
        --subnet <ADDRESS/LENGTH>
            Addresses of the bridge [default: 10.88.0.0/16, or another that the host has no route to]
        --dns <IP>
            Resolver, in place of the host's; may be repeated
        --add-host <NAME:IP>
            A name for /etc/hosts; the address `host-gateway` is the host's; may be repeated
    ");
    Ok(())
}
