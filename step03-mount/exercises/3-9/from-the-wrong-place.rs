// wrong: `.` is still the directory that the caller was in, and no mount
// says: pivot_root: 
let old = open_dir("/").context("opening the old root")?;
explain.act("pivot_root . .", "pivot_root", || pivot_root(".", ".").map_err(with_hint))?;
explain.act("umount -l .", "detaching the old root", || {
    fchdir(&old)?;
    umount2(".", MntFlags::MNT_DETACH)
})?;
chdir("/").context("entering the new root")?;
verify(root)
