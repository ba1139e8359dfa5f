// wrong: without MS_REC only the mount on / is made private; those below it stay shared
// says: it does not hold that the mount stays outside
explain.act("mount --make-private /", "making all mounts private", || {
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_PRIVATE, None::<&str>)
})
