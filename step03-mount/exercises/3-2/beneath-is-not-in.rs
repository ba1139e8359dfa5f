// wrong: RESOLVE_BENEATH refuses absolute paths and links, where IN_ROOT takes this root for `/`
// says: EXDEV
let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
open_beneath(&self.fd, inside, OFlag::O_PATH, resolve)
