// wrong: table 255 is where the kernel keeps its own addresses, and looks first
// says: what routes there are is not as it should be
let mut route = RouteMessage::default();
route.header.address_family = AddressFamily::Inet;
route.header.table = 255;
route.header.protocol = RouteProtocol::Boot;
route.header.scope = RouteScope::Universe;
route.header.kind = RouteType::Unicast;
route.attributes = vec![RouteAttribute::Gateway(RouteAddress::Inet(gateway))];
self.add(RouteNetlinkMessage::NewRoute(route))
