// wrong: the search domains and the options are lost: names that the host finds are not found
// says: /etc/resolv.conf on the bridge is not as it should be
let servers: Vec<_> = match &self.dns[..] {
    [] => host
        .lines()
        .filter(|line| line.starts_with("nameserver"))
        .filter_map(|line| reached(network, line))
        .collect(),
    given => given.iter().map(IpAddr::to_string).collect(),
};
servers.iter().map(|server| format!("nameserver {server}\n")).collect()
