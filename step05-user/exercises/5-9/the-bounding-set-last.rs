// wrong: dropping takes CAP_SETPCAP, which has been given up by then
// says: from the bounding set: EPERM
self.set_groups()?;
set_keepcaps(true).context("keeping capabilities over the change of user")?;
self.become_user()?;
set_keepcaps(false).context("no longer keeping capabilities")?;
self.sets.apply()?;
self.sets.apply_bounding()?;
if self.no_new_privs {
    set_no_new_privs().context("setting no_new_privs")?;
}
self.check()
