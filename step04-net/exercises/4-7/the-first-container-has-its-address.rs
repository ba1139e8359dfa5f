// wrong: the first address that a host can have is the gateway's; what comes after is the pool's
// says: where the container sees the host is not as it should be
let gateway = subnet.hosts().last().unwrap_or(subnet.gateway());
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
