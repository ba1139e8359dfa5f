// wrong: the caller's groups open doors of the host while the container is set up
// says: the container is set up with the groups of the caller
let _ = denied;
let (root, group) = (Uid::from_raw(0), Gid::from_raw(0));
setresgid(group, group, group).context("becoming group 0")?;
setresuid(root, root, root).context("becoming user 0")
