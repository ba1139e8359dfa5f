// wrong: the acts are told by --explain, and not done
// says: the host name inside is not as it should be
if let Some(name) = &self.hostname {
    explain.say(sh(["hostname", name]));
}
if let Some(name) = &self.domainname {
    explain.say(sh(["domainname", name]));
}
Ok(())
