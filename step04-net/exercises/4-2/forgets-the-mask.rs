// wrong: an empty mask means "all flags" to the kernel, so the others are switched off
// says: keeps the flag IFF_MULTICAST
let mut link = LinkMessage::default();
link.header.index = index;
link.header.flags = LinkFlags::Up;
link
