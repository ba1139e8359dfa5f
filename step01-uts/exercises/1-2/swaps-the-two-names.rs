// wrong: the host name is set as the domain name, and the other way round
// says: the host name inside is not as it should be
if let Some(name) = &self.hostname {
    explain.act(
        sh(["hostname", name]),
        format_args!("setting the host name {name:?}"),
        || setdomainname(name),
    )?;
}
if let Some(name) = &self.domainname {
    explain.act(
        sh(["domainname", name]),
        format_args!("setting the domain name {name:?}"),
        || sethostname(name),
    )?;
}
Ok(())
