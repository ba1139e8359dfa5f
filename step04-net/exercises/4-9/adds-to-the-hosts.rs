// wrong: a resolver that is given is in place of the host's; as one more it is asked last, if at all
// says: /etc/resolv.conf with --dns 192.0.2.1 is not as it should be
let (servers, rest): (Vec<_>, Vec<_>) =
    host.lines().partition(|line| line.trim_start().starts_with("nameserver"));
let mut lines: Vec<_> = rest.into_iter().map(str::to_string).collect();
let mut servers: Vec<_> = servers.iter().filter_map(|line| reached(network, line)).collect();
servers.extend(self.dns.iter().map(IpAddr::to_string));
lines.extend(servers.iter().map(|server| format!("nameserver {server}")));
lines.join("\n") + "\n"
