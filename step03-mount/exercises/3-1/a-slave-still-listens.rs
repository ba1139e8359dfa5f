// wrong: a slave passes nothing on to the host, but what the host mounts still comes in
// says: it does not hold that the mount stays outside
explain.act("mount --make-rslave /", "making all mounts private", || {
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_SLAVE,
        None::<&str>,
    )
})
