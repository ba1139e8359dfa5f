// wrong: it is the host's end that is plugged into the switch: the far end is not where the bridge is
// says: switching layers-0a580002 on: EOPNOTSUPP
let mut far = LinkMessage::default();
far.attributes = vec![
    LinkAttribute::IfName(peer.name.into()),
    LinkAttribute::Mtu(mtu),
    LinkAttribute::Address(peer.mac.into()),
    LinkAttribute::Controller(if_nametoindex(bridge)?),
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
