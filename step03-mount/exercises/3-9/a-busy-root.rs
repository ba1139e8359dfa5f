// wrong: without MNT_DETACH it is busy, since much is mounted below it, and the error is dropped
// says: what came of looking for a file of the host by walk-up is not as it should be
let old = open_dir("/").context("opening the old root")?;
explain.act(sh(["cd", "-P", &root.shown("/".as_ref())]), "entering the rootfs", || fchdir(root))?;
explain.act("pivot_root . .", "pivot_root", || pivot_root(".", ".").map_err(with_hint))?;
fchdir(&old).context("entering the old root")?;
explain.say("umount .");
let _ = umount2(".", MntFlags::empty());
chdir("/").context("entering the new root")?;
verify(root)
