// wrong: where no name was given, one is made up
// says: the hostname inside, without --hostname, is not as it should be
let name = self.hostname.as_deref().unwrap_or("container");
explain.act(
    sh(["hostname", name]),
    format_args!("setting the host name {name:?}"),
    || sethostname(name),
)?;
if let Some(name) = &self.domainname {
    explain.act(
        sh(["domainname", name]),
        format_args!("setting the domain name {name:?}"),
        || setdomainname(name),
    )?;
}
Ok(())
