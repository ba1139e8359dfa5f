// wrong: the gateway is the bridge; a container that has its address too takes what is for the host
// says: what addresses eth0 has is not as it should be
let gateway = subnet.gateway();
sysctl::without_ipv6(explain, ETH0)?;
explain.act(
    format_args!("ip addr add {gateway}/{} broadcast + dev {ETH0}", subnet.length()),
    format_args!("giving {ETH0} the address {gateway}"),
    || rtnetlink.add_address(ETH0, gateway, subnet),
)?;
explain.act(
    format_args!("ip link set {ETH0} up"),
    format_args!("switching {ETH0} on"),
    || rtnetlink.set_up(ETH0),
)?;
explain.act(
    format_args!("ip route add default via {address}"),
    format_args!("adding the default route via {address}"),
    || rtnetlink.add_default_route(address),
)
