// wrong: seteuid(2) leaves the real user root
// says: still user
let (uid, gid) = (Uid::from_raw(self.user.uid), Gid::from_raw(self.user.gid));
nix::unistd::setegid(gid).map_err(|errno| hinted(format!("becoming group {gid}"), errno))?;
nix::unistd::seteuid(uid).map_err(|errno| hinted(format!("becoming user {uid}"), errno))
