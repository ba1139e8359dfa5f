// wrong: a switch that is off passes nothing on, and a router by a link that is off has no route
// says: the host does not reach the container
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
)
