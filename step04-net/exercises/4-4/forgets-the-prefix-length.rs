// wrong: with a length of 0 there is no subnet, and so no route to the gateway
// says: adding the default route via 10.88.0.1: ENETUNREACH
let mut message = AddressMessage::default();
message.header.family = AddressFamily::Inet;
message.header.index = if_nametoindex(name)?;
message.attributes = vec![
    AddressAttribute::Local(address.into()),
    AddressAttribute::Address(address.into()),
    AddressAttribute::Broadcast(subnet.broadcast()),
];
self.add(RouteNetlinkMessage::NewAddress(message))
