// wrong: the old root is in no table any more, and still the working directory
// says: is outside of the rootfs after pivot_root
let old = open_dir("/").context("opening the old root")?;
explain.act(sh(["cd", "-P", &root.shown("/".as_ref())]), "entering the rootfs", || fchdir(root))?;
explain.act("pivot_root . .", "pivot_root", || pivot_root(".", ".").map_err(with_hint))?;
explain.act("umount -l .", "detaching the old root", || {
    fchdir(&old)?;
    umount2(".", MntFlags::MNT_DETACH)
})?;
verify(root)
