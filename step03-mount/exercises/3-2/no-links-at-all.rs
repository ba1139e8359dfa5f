// wrong: safe, but images have links on the way, such as /var/run
// says: ELOOP
let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_SYMLINKS;
open_beneath(&self.fd, inside, OFlag::O_PATH, resolve)
