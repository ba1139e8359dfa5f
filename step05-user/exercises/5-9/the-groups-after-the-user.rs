// wrong: setgroups(2) takes CAP_SETGID, which is not effective any more
// says: setting the groups [7]: EPERM
self.sets.apply_bounding()?;
set_keepcaps(true).context("keeping capabilities over the change of user")?;
self.become_user()?;
set_keepcaps(false).context("no longer keeping capabilities")?;
self.set_groups()?;
self.sets.apply()?;
if self.no_new_privs {
    set_no_new_privs().context("setting no_new_privs")?;
}
self.check()
