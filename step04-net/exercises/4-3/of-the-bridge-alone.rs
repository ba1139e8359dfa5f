// wrong: this forwards what comes from the bridge, and not the answers, which come by other links
// says: forwarding with two containers is not as it should be
let of_bridge = format!("/proc/sys/net/ipv4/conf/{BRIDGE}/forwarding");
if shared.router { Ok(()) } else { sysctl::switch(explain, &of_bridge, on) }
