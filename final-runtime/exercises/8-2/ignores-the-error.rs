// wrong: every error is taken for one that the upper layer mends, and there is none above the upper
// says: the command began in another directory than was asked for
        if self.there.get() {
            return Ok(());
        }
        let path = &self.path;
        explain.say(sh(["cd".as_ref(), path.as_os_str()]));
        if chdir(path).is_err() {
            return Ok(());
        }
        if !cwd_is_inside_root() {
            bail!("entering {}: it is outside of the container", path.display());
        }
        self.there.set(true);
        Ok(())
