// wrong: a file called null holds what is written to it
// says: the device null: its kind, number or mode is not as it should be
let (major, minor) = (major.to_string(), minor.to_string());
explain.act(
    sh(["mknod", "-m", "666", &shown, "c", &major, &minor]),
    format_args!("making the device /dev/{name}"),
    || mknodat(dev, *name, SFlag::S_IFREG, Mode::from_bits_truncate(0o666), 0),
)
