// wrong: 1:3 is /dev/null among character devices, and a RAM disk among block devices
// says: the device null: its kind, number or mode is not as it should be
match mknodat(dev, *name, SFlag::S_IFBLK, Mode::from_bits_truncate(0o666), self.number()) {
    Err(Errno::EPERM) => explain.act(
        self.shell_bind(root, &shown),
        format_args!("binding the host's /dev/{name}"),
        || self.bind(dev),
    ),
    made => {
        let (major, minor) = (major.to_string(), minor.to_string());
        explain.say(sh(["mknod", "-m", "666", &shown, "b", &major, &minor]));
        made.with_context(|| format!("making the device /dev/{name}"))
    }
}
