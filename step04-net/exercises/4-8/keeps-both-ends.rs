// wrong: both ends are made on the host, and the container has no eth0
// says: giving eth0 the address 10.88.0.2: ENODEV
let mut far = LinkMessage::default();
far.attributes = vec![
    LinkAttribute::IfName(peer.name.into()),
    LinkAttribute::Mtu(mtu),
    LinkAttribute::Address(peer.mac.into()),
];
let mut near = LinkMessage::default();
near.attributes = vec![
    LinkAttribute::IfName(name.into()),
    LinkAttribute::Mtu(mtu),
    LinkAttribute::Controller(if_nametoindex(bridge)?),
    LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(far))),
    ]),
];
self.add(RouteNetlinkMessage::NewLink(near))
