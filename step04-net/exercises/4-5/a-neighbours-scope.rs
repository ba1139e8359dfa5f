// wrong: "link" is the scope of what is reached without a gateway
// says: adding the default route via 10.88.0.1: ENETUNREACH
let mut route = RouteMessage::default();
route.header.address_family = AddressFamily::Inet;
route.header.table = RouteHeader::RT_TABLE_MAIN;
route.header.protocol = RouteProtocol::Boot;
route.header.scope = RouteScope::Link;
route.header.kind = RouteType::Unicast;
route.attributes = vec![RouteAttribute::Gateway(RouteAddress::Inet(gateway))];
self.add(RouteNetlinkMessage::NewRoute(route))
