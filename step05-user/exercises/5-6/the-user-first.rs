// wrong: who is not root any more may not change the group
// says: becoming group 50: EPERM
let (uid, gid) = (Uid::from_raw(self.user.uid), Gid::from_raw(self.user.gid));
setresuid(uid, uid, uid).map_err(|errno| hinted(format!("becoming user {uid}"), errno))?;
setresgid(gid, gid, gid).map_err(|errno| hinted(format!("becoming group {gid}"), errno))
