// wrong: the power to become somebody else has been given away
// says: EPERM
self.sets.apply_bounding()?;
self.set_groups()?;
self.sets.apply()?;
self.become_user()?;
if self.no_new_privs {
    set_no_new_privs().context("setting no_new_privs")?;
}
self.check()
