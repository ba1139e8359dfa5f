// wrong: the host drops what is not for itself, so nothing of a container's gets out
// says: forwarding with two containers is not as it should be
let _ = (explain, shared, on);
Ok(())
