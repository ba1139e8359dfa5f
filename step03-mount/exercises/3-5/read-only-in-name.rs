// wrong: a bind mount has the flags of what it copies; :ro has to be set on the copy
// says: in a volume with :ro, is not as it should be
match (&self.source, source) {
    (Source::Bind { recursive, .. }, Some(source)) => Ok(mount_api::copy(source, *recursive)?),
    (Source::New { fstype, name }, _) => {
        let data = self.data_for_this_user_namespace();
        let mount = mount_api::new_filesystem(fstype, name, &data, self.attributes);
        mount.map_err(|refusal| self.with_hint(refusal))
    }
    (Source::Ready { .. }, Some(mount)) => {
        mount_api::change(&mount, self.attributes)?;
        Ok(mount)
    }
    (Source::Bind { .. } | Source::Ready { .. } | Source::Remount, _) => {
        unreachable!("opened by try_mount")
    }
}
