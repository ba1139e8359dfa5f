// wrong: the namespace is a copy, so nothing need be done: but copies of shared mounts are shared
// says: it does not hold that the mount stays outside
let _ = explain;
Ok(())
