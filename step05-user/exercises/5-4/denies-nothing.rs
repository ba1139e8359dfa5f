// wrong: the kernel lets nobody write a group map without help who has not given setgroups(2) up
// says: gid_map: EPERM
let _ = (explain, child);
Ok(())
