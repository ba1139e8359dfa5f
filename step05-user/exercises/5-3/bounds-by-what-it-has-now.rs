// wrong: a set-user-ID program of the container could give its user nothing any more
// says: the capabilities of user 1000 with [] is not as it should be
let now = if root { caps } else { ambient };
Self { effective: now, permitted: now, inheritable: ambient, bounding: now, ambient }
