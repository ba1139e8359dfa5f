// wrong: a container that announces itself as a router of IPv6 is believed by the host
// says: whether the host's ends speak IPv6 is not as it should be
let gateway = subnet.gateway();
explain.act(
    format_args!("ip link add {BRIDGE} address {} type bridge", mac_text(gateway)),
    format_args!("making the bridge {BRIDGE}"),
    || rtnetlink.add_bridge(BRIDGE, mac(gateway)),
)?;
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
