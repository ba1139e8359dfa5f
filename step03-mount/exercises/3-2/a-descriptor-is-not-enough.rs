// wrong: the path begins at the root's descriptor, and with `..` and links goes on to anywhere
// says: what is in a directory of the host, beside the rootfs, is not as it should be
let inside = inside.strip_prefix("/").unwrap_or(inside);
let inside = if inside == Path::new("") { Path::new(".") } else { inside };
open_beneath(&self.fd, inside, OFlag::O_PATH, ResolveFlag::RESOLVE_NO_MAGICLINKS)
