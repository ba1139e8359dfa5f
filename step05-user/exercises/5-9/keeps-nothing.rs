// wrong: without keepcaps the change of user clears the permitted set, and nothing is left to keep
// says: setting the capability sets: EPERM
self.sets.apply_bounding()?;
self.set_groups()?;
self.become_user()?;
self.sets.apply()?;
if self.no_new_privs {
    set_no_new_privs().context("setting no_new_privs")?;
}
self.check()
