// wrong: a route without a gateway and without a link leads nowhere
// says: adding the default route via 10.88.0.1: E
let _ = gateway;
let mut route = RouteMessage::default();
route.header.address_family = AddressFamily::Inet;
route.header.table = RouteHeader::RT_TABLE_MAIN;
route.header.protocol = RouteProtocol::Boot;
route.header.scope = RouteScope::Universe;
route.header.kind = RouteType::Unicast;
self.add(RouteNetlinkMessage::NewRoute(route))
