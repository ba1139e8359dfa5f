// wrong: a length of 32 says that nobody else is on the link, not even the gateway
// says: adding the default route via 10.88.0.1: ENETUNREACH
let _ = subnet;
let mut message = AddressMessage::default();
message.header.family = AddressFamily::Inet;
message.header.index = if_nametoindex(name)?;
message.header.prefix_len = 32;
message.attributes =
    vec![AddressAttribute::Local(address.into()), AddressAttribute::Address(address.into())];
self.add(RouteNetlinkMessage::NewAddress(message))
