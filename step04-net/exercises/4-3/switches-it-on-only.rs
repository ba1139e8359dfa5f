// wrong: the switch stays on when the last container is gone, and the host is everybody's router
// says: forwarding when all are gone is not as it should be
let _ = on;
if shared.router { Ok(()) } else { sysctl::switch(explain, IP_FORWARD, true) }
