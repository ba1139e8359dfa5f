// wrong: without an index the kernel does not know which link is meant
// says: switching lo on: EINVAL
let _ = index;
let mut link = LinkMessage::default();
link.header.flags = LinkFlags::Up;
link.header.change_mask = LinkFlags::Up;
link
