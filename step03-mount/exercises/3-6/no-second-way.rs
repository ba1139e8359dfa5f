// wrong: in a user namespace mknod is refused, and there is no device at all
// says: making the device /dev/null: EPERM
let (kind, mode) = (SFlag::S_IFCHR, Mode::from_bits_truncate(0o666));
explain.act(
    sh(["mknod", "-m", "666", &shown, "c", &major.to_string(), &minor.to_string()]),
    format_args!("making the device /dev/{name}"),
    || mknodat(dev, *name, kind, mode, self.number()),
)
