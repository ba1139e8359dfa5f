// wrong: a program whose file has them inheritable would be given them (CVE-2022-29162)
// says: the capabilities with [] is not as it should be
let now = if root { caps } else { ambient };
Self { effective: now, permitted: now, inheritable: caps, bounding: caps, ambient }
