// wrong: the saved user is still root, and the command may go back to it whenever it likes
// says: still user
let (uid, gid) = (Uid::from_raw(self.user.uid), Gid::from_raw(self.user.gid));
let (root, group) = (Uid::from_raw(0), Gid::from_raw(0));
setresgid(gid, gid, group).map_err(|errno| hinted(format!("becoming group {gid}"), errno))?;
setresuid(uid, uid, root).map_err(|errno| hinted(format!("becoming user {uid}"), errno))
