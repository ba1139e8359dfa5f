// wrong: a host that was a router before there were containers is none any more when they are gone
// says: forwarding when all are gone is not as it should be
let _ = shared;
sysctl::switch(explain, IP_FORWARD, on)
