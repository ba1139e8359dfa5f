// wrong: the kernel makes one up; a neighbour that remembers the last owner of the IP address then
// sends to a container that is gone
// says: the hardware address of eth0 is not as it should be
let mut far = LinkMessage::default();
far.attributes = vec![
    LinkAttribute::IfName(peer.name.into()),
    LinkAttribute::Mtu(mtu),
    LinkAttribute::NetNsPid(peer.netns.as_raw().cast_unsigned()),
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
