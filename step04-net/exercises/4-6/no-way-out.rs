// wrong: the container reaches its neighbours on the bridge, and nobody else
// says: what routes there are is not as it should be
sysctl::without_ipv6(explain, ETH0)?;
explain.act(
    format_args!("ip addr add {address}/{} broadcast + dev {ETH0}", subnet.length()),
    format_args!("giving {ETH0} the address {address}"),
    || rtnetlink.add_address(ETH0, address, subnet),
)?;
explain.act(
    format_args!("ip link set {ETH0} up"),
    format_args!("switching {ETH0} on"),
    || rtnetlink.set_up(ETH0),
)
