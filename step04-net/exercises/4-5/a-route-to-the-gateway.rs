// wrong: this is a route to the gateway, by way of itself; a default route has no destination
// says: what routes there are is not as it should be
let mut route = RouteMessage::default();
route.header.address_family = AddressFamily::Inet;
route.header.destination_prefix_length = 32;
route.header.table = RouteHeader::RT_TABLE_MAIN;
route.header.protocol = RouteProtocol::Boot;
route.header.scope = RouteScope::Universe;
route.header.kind = RouteType::Unicast;
route.attributes = vec![
    RouteAttribute::Destination(RouteAddress::Inet(gateway)),
    RouteAttribute::Gateway(RouteAddress::Inet(gateway)),
];
self.add(RouteNetlinkMessage::NewRoute(route))
