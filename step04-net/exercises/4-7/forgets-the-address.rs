// wrong: a switch without an address joins the containers, but is nobody's gateway
// says: the host does not reach the container
let gateway = subnet.gateway();
explain.act(
    format_args!("ip link add {BRIDGE} address {} type bridge", mac_text(gateway)),
    format_args!("making the bridge {BRIDGE}"),
    || rtnetlink.add_bridge(BRIDGE, mac(gateway)),
)?;
sysctl::without_ipv6(explain, BRIDGE)?;
explain.act(
    format_args!("ip link set {BRIDGE} up"),
    format_args!("switching {BRIDGE} on"),
    || rtnetlink.set_up(BRIDGE),
)
