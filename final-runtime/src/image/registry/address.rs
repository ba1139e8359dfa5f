//! Where a registry is, and whether it needs no encryption.
//!
//! As with Docker, a registry on this machine's own loopback need not prove who it is, nor speak
//! HTTPS: nobody else can be there. Of others that must be asked for.

use std::net::{IpAddr, Ipv6Addr};

/// Docker's registry goes by another name than its images.
const DOCKER: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// A registry's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `HOST[:PORT]`.
    pub host: String,
    /// Whether it may speak without encryption, or with a certificate that proves nothing.
    pub insecure: bool,
    /// Whether it is on this machine.
    pub loopback: bool,
}

impl Address {
    /// Of the registry called `name`, which must prove who it is if `verify`.
    pub fn new(name: &str, verify: bool) -> Self {
        let host = if name == DOCKER.0 { DOCKER.1 } else { name };
        let loopback = is_loopback(host);
        Self { host: host.into(), insecure: !verify || loopback, loopback }
    }
}

/// Whether `HOST[:PORT]` is this machine. A name is not looked up: what it says may change.
pub fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let address = name.parse::<IpAddr>();
    name == "localhost"
        || address.is_ok_and(|address| match address {
            IpAddr::V4(address) => address.is_loopback(),
            IpAddr::V6(address) => address == Ipv6Addr::LOCALHOST,
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("localhost", true)]
    #[case("localhost:5000", true)]
    #[case("127.0.0.1:5000", true)]
    #[case("127.9.9.9", true)]
    #[case("[::1]:5000", true)]
    #[case("[::1]", true)]
    #[case("localhost.example.org", false)]
    #[case("127.0.0.1.example.org", false)]
    #[case("128.0.0.1", false)]
    #[case("[::2]:5000", false)]
    #[case("0.0.0.0", false)]
    #[case("", false)]
    fn this_machine_is_known(#[case] host: &str, #[case] loopback: bool) {
        assert_eq!(is_loopback(host), loopback);
        assert_eq!(Address::new(host, true).insecure, loopback);
        assert!(Address::new(host, false).insecure);
    }
}
