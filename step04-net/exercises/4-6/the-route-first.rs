// wrong: the kernel takes no route by a link that is still down
// says: adding the default route via 10.88.0.1: ENETUNREACH
let gateway = subnet.gateway();
sysctl::without_ipv6(explain, ETH0)?;
explain.act(
    format_args!("ip addr add {address}/{} broadcast + dev {ETH0}", subnet.length()),
    format_args!("giving {ETH0} the address {address}"),
    || rtnetlink.add_address(ETH0, address, subnet),
)?;
explain.act(
    format_args!("ip route add default via {gateway}"),
    format_args!("adding the default route via {gateway}"),
    || rtnetlink.add_default_route(gateway),
)?;
explain.act(
    format_args!("ip link set {ETH0} up"),
    format_args!("switching {ETH0} on"),
    || rtnetlink.set_up(ETH0),
)
