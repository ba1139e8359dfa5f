// wrong: the root of the namespace is then the group that the runtime is in
// says: sees where its groups are in the host
        if self.namespace {
            explain.act("unshare --cgroup", "making a cgroup namespace", || {
                unshare(CloneFlags::CLONE_NEWCGROUP)
            })?;
        }
        self.doors.iter_mut().try_for_each(|door| door.enter(explain))
