// wrong: the mask says that IFF_UP is to change, and the flags say to what: not up
// says: whether lo is up is not as it should be
let mut link = LinkMessage::default();
link.header.index = index;
link.header.change_mask = LinkFlags::Up;
link
