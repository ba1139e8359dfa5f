//! IPv4 subnets: an address, and how many of its bits all hosts share. See RFC 4632.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use anyhow::{Error, Result, anyhow};

/// A block of addresses, as in `10.88.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    first: Ipv4Addr,
    length: u8,
}

impl Subnet {
    /// The block of this prefix length, 0 to 32, that `address` lies in.
    pub(crate) fn around(address: Ipv4Addr, length: u8) -> Self {
        let first = Ipv4Addr::from_bits(address.to_bits() & mask(length));
        Self { first, length }
    }

    /// How many bits all addresses share.
    pub fn length(self) -> u8 {
        self.length
    }

    /// The bits all addresses share, as ones.
    pub(crate) fn mask(self) -> u32 {
        mask(self.length)
    }

    /// The lowest address, which names the subnet itself.
    pub fn first(self) -> Ipv4Addr {
        self.first
    }

    /// The highest address, which reaches everyone.
    pub fn broadcast(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first.to_bits() | !mask(self.length))
    }

    /// The bridge's own address: the lowest that a host can have.
    pub fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first.to_bits() + 1)
    }

    /// The addresses for containers: all between the gateway's and the broadcast address.
    pub fn hosts(self) -> impl Iterator<Item = Ipv4Addr> {
        let all = self.gateway().to_bits() + 1..self.broadcast().to_bits();
        all.map(Ipv4Addr::from_bits)
    }

    /// Whether some address lies in both.
    pub fn overlaps(self, other: Self) -> bool {
        let shared = mask(self.length.min(other.length));
        (self.first.to_bits() ^ other.first.to_bits()) & shared == 0
    }
}

fn mask(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

impl FromStr for Subnet {
    type Err = Error;

    /// A subnet that has room for a bridge and a container.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| anyhow!("net: --subnet {text:?}: {why}");
        let expected = || wrong("expected ADDRESS/LENGTH, as in 10.88.0.0/16");
        let (address, length) = text.split_once('/').ok_or_else(expected)?;
        let address = address.parse().map_err(|_| expected())?;
        let length = length.parse().map_err(|_| expected())?;
        if !(8..=30).contains(&length) {
            return Err(wrong("the length must be 8 to 30"));
        }
        let subnet = Self::around(address, length);
        if subnet.first != address {
            return Err(wrong(&format!("the subnet of that address is {subnet}")));
        }
        if address.is_loopback() || address.is_multicast() || address.octets()[0] >= 240 {
            return Err(wrong("these addresses are not for hosts"));
        }
        Ok(subnet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("10.88.0.0/16", "10.88.0.1", "10.88.255.255", 65533)]
    #[case("192.168.7.128/25", "192.168.7.129", "192.168.7.255", 125)]
    #[case("10.9.8.4/30", "10.9.8.5", "10.9.8.7", 1)]
    fn a_subnet_has_a_gateway_hosts_and_a_broadcast_address(
        #[case] subnet: Subnet,
        #[case] gateway: Ipv4Addr,
        #[case] broadcast: Ipv4Addr,
        #[case] hosts: usize,
    ) {
        assert_eq!(subnet.gateway(), gateway);
        assert_eq!(subnet.broadcast(), broadcast);
        assert_eq!(subnet.hosts().count(), hosts);
        assert!(subnet.hosts().all(|host| host != gateway && host != broadcast));
    }

    #[rstest]
    #[case("10.88.0.0/16", "10.0.0.0/8", true)]
    #[case("10.0.0.0/8", "10.88.0.0/16", true)]
    #[case("10.88.0.0/16", "10.88.255.252/30", true)]
    #[case("10.88.0.0/16", "10.89.0.0/16", false)]
    #[case("10.88.0.0/30", "10.88.0.4/30", false)]
    fn overlap_is_seen_from_both_sides(
        #[case] a: Subnet,
        #[case] b: Subnet,
        #[case] overlap: bool,
    ) {
        assert_eq!(a.overlaps(b), overlap);
        assert_eq!(b.overlaps(a), overlap);
    }
}
