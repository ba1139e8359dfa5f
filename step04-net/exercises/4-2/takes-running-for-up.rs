// wrong: IFF_RUNNING is what the kernel tells of a cable that is plugged in; nobody can set it
// says: whether lo is up is not as it should be
let mut link = LinkMessage::default();
link.header.index = index;
link.header.flags = LinkFlags::Running;
link.header.change_mask = LinkFlags::Running;
link
