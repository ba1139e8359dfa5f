// wrong: the user namespace is left out: root in there is root of the host
// says: the user namespace of `exec` is not the container's
        let prepared = self.prepared.as_mut().context("was not prepared")?;
        let Prepared { namespaces, doors, .. } = prepared;
        // From the next line on the container's processes could look into this one, which still
        // holds the runtime's memory and descriptors (CVE-2016-9962).
        prctl::set_dumpable(false).context("hiding from the container's processes")?;
        doors.iter_mut().try_for_each(|door| door.enter(explain))?;
        let pid = self.pid.to_string();
        explain.act(
            sh(["nsenter", "--all", "--target", &pid]),
            format_args!("joining the namespaces of process {pid}"),
            || setns(&self.pidfd, namespaces.difference(CloneFlags::CLONE_NEWUSER)),
        )?;
        if namespaces.contains(CloneFlags::CLONE_NEWUSER) {
            become_root(explain)?;
        }
        Ok(())
