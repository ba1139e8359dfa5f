// wrong: the container's path is appended to the rootfs's, and links lead where the host's lead
// says: what is in a directory of the host, beside the rootfs, is not as it should be
let path = self.path.join(inside.strip_prefix("/").unwrap_or(inside));
nix::fcntl::open(&path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
