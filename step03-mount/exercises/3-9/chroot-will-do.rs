// wrong: chroot changes where paths begin, and who may call it again climbs out
// says: what came of looking for a file of the host by chroot-escape is not as it should be
explain.act(sh(["cd", "-P", &root.shown("/".as_ref())]), "entering the rootfs", || fchdir(root))?;
explain.act("chroot .", "chroot", || nix::unistd::chroot("."))?;
chdir("/").context("entering the new root")?;
verify(root)
