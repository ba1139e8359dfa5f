// wrong: the kernel gives eth0 an address of IPv6 by itself, and nothing here filters that
// says: whether eth0 speaks IPv6 is not as it should be
let gateway = subnet.gateway();
explain.act(
    format_args!("ip addr add {address}/{} broadcast + dev {ETH0}", subnet.length()),
    format_args!("giving {ETH0} the address {address}"),
    || rtnetlink.add_address(ETH0, address, subnet),
)?;
explain.act(
    format_args!("ip link set {ETH0} up"),
    format_args!("switching {ETH0} on"),
    || rtnetlink.set_up(ETH0),
)?;
explain.act(
    format_args!("ip route add default via {gateway}"),
    format_args!("adding the default route via {gateway}"),
    || rtnetlink.add_default_route(gateway),
)
