// wrong: the doors stay shut: the process stays in the groups of whoever calls
// says: is not in the container's groups
        let prepared = self.prepared.as_mut().context("was not prepared")?;
        let Prepared { namespaces, .. } = prepared;
        // From the next line on the container's processes could look into this one, which still
        // holds the runtime's memory and descriptors (CVE-2016-9962).
        prctl::set_dumpable(false).context("hiding from the container's processes")?;
        let pid = self.pid.to_string();
        explain.act(
            sh(["nsenter", "--all", "--target", &pid]),
            format_args!("joining the namespaces of process {pid}"),
            || setns(&self.pidfd, *namespaces),
        )?;
        if namespaces.contains(CloneFlags::CLONE_NEWUSER) {
            become_root(explain)?;
        }
        Ok(())
