// wrong: only the one mount is copied; what is mounted below the source is missing in the container
// says: nothing is mounted on /data/sub
match (&self.source, source) {
    (Source::Bind { .. }, Some(source)) => {
        let mount = mount_api::copy(source, false)?;
        mount_api::change(&mount, self.attributes)?;
        Ok(mount)
    }
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
