// wrong: link 1 is the loopback interface, whatever its name is
// says: what addresses eth0 has is not as it should be
let _ = name;
let mut message = AddressMessage::default();
message.header.family = AddressFamily::Inet;
message.header.index = 1;
message.header.prefix_len = subnet.length();
message.attributes = vec![
    AddressAttribute::Local(address.into()),
    AddressAttribute::Address(address.into()),
    AddressAttribute::Broadcast(subnet.broadcast()),
];
self.add(RouteNetlinkMessage::NewAddress(message))
