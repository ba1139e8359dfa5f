// wrong: the runtime leaves its own user namespace, and loses the right to write the map
// says: the container has no user namespace to be given a map
let _ = nix::sched::unshare(CloneFlags::CLONE_NEWUSER);
CloneFlags::empty()
