// wrong: ADDRESS is the other end's on a link between two; the own one is LOCAL, without which
// the kernel refuses the message
// says: EINVAL
let mut message = AddressMessage::default();
message.header.family = AddressFamily::Inet;
message.header.index = if_nametoindex(name)?;
message.header.prefix_len = subnet.length();
message.attributes = vec![
    AddressAttribute::Address(address.into()),
    AddressAttribute::Broadcast(subnet.broadcast()),
];
self.add(RouteNetlinkMessage::NewAddress(message))
