// wrong: the second name is looked at only if there is a first
// says: the domainname inside, with --domainname alone, is not as it should be
if let Some(hostname) = &self.hostname {
    explain.act(
        sh(["hostname", hostname]),
        format_args!("setting the host name {hostname:?}"),
        || sethostname(hostname),
    )?;
    if let Some(name) = &self.domainname {
        explain.act(
            sh(["domainname", name]),
            format_args!("setting the domain name {name:?}"),
            || setdomainname(name),
        )?;
    }
}
Ok(())
