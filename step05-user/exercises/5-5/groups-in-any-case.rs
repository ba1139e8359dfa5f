// wrong: where the namespace denies setgroups(2) the call fails, and so does every one-id container
// says: giving up the caller's groups: EPERM
let _ = denied;
let (root, group) = (Uid::from_raw(0), Gid::from_raw(0));
setresgid(group, group, group).context("becoming group 0")?;
setgroups(&[]).context("giving up the caller's groups")?;
setresuid(root, root, root).context("becoming user 0")
