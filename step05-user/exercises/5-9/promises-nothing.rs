// wrong: a set-user-ID program of the image would make its user root again
// says: no_new_privs
self.sets.apply_bounding()?;
self.set_groups()?;
set_keepcaps(true).context("keeping capabilities over the change of user")?;
self.become_user()?;
set_keepcaps(false).context("no longer keeping capabilities")?;
self.sets.apply()
