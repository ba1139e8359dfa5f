// wrong: the host's end hangs loose: the cable leads to no switch
// says: switching layers-0a580002 on: EOPNOTSUPP
let _ = bridge;
let mut far = LinkMessage::default();
far.attributes = vec![
    LinkAttribute::IfName(peer.name.into()),
    LinkAttribute::Mtu(mtu),
    LinkAttribute::Address(peer.mac.into()),
    LinkAttribute::NetNsPid(peer.netns.as_raw().cast_unsigned()),
];
let mut near = LinkMessage::default();
near.attributes = vec![
    LinkAttribute::IfName(name.into()),
    LinkAttribute::Mtu(mtu),
    LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(far))),
    ]),
];
self.add(RouteNetlinkMessage::NewLink(near))
