// wrong: the old root lies over the new one; who begins above `/` is in the host's files
// says: what came of looking for a file of the host by walk-up is not as it should be
explain.act(sh(["cd", "-P", &root.shown("/".as_ref())]), "entering the rootfs", || fchdir(root))?;
explain.act("pivot_root . .", "pivot_root", || pivot_root(".", ".").map_err(with_hint))?;
chdir("/").context("entering the new root")?;
verify(root)
