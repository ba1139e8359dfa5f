// wrong: mode 0600, so that nobody but root can write to /dev/null
// says: the device null: its kind, number or mode is not as it should be
match mknodat(dev, *name, SFlag::S_IFCHR, Mode::from_bits_truncate(0o600), self.number()) {
    Err(Errno::EPERM) => explain.act(
        self.shell_bind(root, &shown),
        format_args!("binding the host's /dev/{name}"),
        || self.bind(dev),
    ),
    made => {
        let (major, minor) = (major.to_string(), minor.to_string());
        explain.say(sh(["mknod", "-m", "600", &shown, "c", &major, &minor]));
        made.with_context(|| format!("making the device /dev/{name}"))
    }
}
