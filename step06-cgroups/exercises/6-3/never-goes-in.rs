// wrong: the groups are made, and nobody joins them
// says: in no group of its own
        if !self.namespace {
            return Ok(());
        }
        explain.act("unshare --cgroup", "making a cgroup namespace", || {
            unshare(CloneFlags::CLONE_NEWCGROUP)
        })
