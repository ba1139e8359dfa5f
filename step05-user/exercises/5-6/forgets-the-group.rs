// wrong: the command keeps root's group, whose files it can read
// says: still group
let uid = Uid::from_raw(self.user.uid);
setresuid(uid, uid, uid).map_err(|errno| hinted(format!("becoming user {uid}"), errno))
