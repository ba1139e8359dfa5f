//! Published ports: ports of the host that lead into the container.

use std::{
    fmt,
    io::{self, ErrorKind},
    net::{Ipv4Addr, TcpListener, UdpSocket},
    ops::RangeInclusive,
    os::fd::OwnedFd,
    str::FromStr,
};

use anyhow::{Error, Result, anyhow};

/// What a value of `--publish` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The host's address to be reached by; `0.0.0.0` stands for any.
    pub address: Ipv4Addr,
    /// The lowest of the host's ports.
    pub host: u16,
    /// The lowest of the container's ports.
    pub container: u16,
    /// How many ports, from these on; at least 1.
    pub count: u16,
    /// How they are spoken to.
    pub protocol: Protocol,
}

/// The protocols that have ports, as far as they can be published here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// See tcp(7).
    Tcp,
    /// See udp(7).
    Udp,
}

impl Publish {
    /// Each pair of a port of the host and a port of the container.
    pub fn pairs(&self) -> impl Iterator<Item = (u16, u16)> {
        let (host, container) = (self.host, self.container);
        (0..self.count).map(move |n| (host + n, container + n))
    }

    /// Takes the host's ports, so that neither a server of the host nor another container can.
    ///
    /// Nothing ever arrives at these sockets: the firewall turns every packet to the container
    /// before. But the kernel gives no port to two, and takes it back when the runtime dies.
    pub(crate) fn reserve(&self) -> Result<Vec<OwnedFd>> {
        let reserve = |port| {
            let socket = (self.address, port);
            let reserved = match self.protocol {
                Protocol::Tcp => TcpListener::bind(socket).map(OwnedFd::from),
                Protocol::Udp => UdpSocket::bind(socket).map(OwnedFd::from),
            };
            reserved.map_err(|error| self.refusal(port, &error))
        };
        self.pairs().map(|(port, _)| reserve(port)).collect()
    }

    fn refusal(&self, port: u16, error: &io::Error) -> Error {
        let (address, protocol) = (self.address, self.protocol);
        match error.kind() {
            ErrorKind::AddrInUse => anyhow!(
                "--publish {self}: port {port}/{protocol} of the host is in use, by a server or by \
                 another container"
            ),
            ErrorKind::AddrNotAvailable => {
                anyhow!("--publish {self}: {address} is no address of this host")
            }
            _ => anyhow!("--publish {self}: taking port {port}/{protocol} of the host: {error}"),
        }
    }
}

impl FromStr for Publish {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| anyhow!("net: --publish {text:?}: {why}");
        let expected = || wrong("expected [IP:]HOST:CONTAINER[/tcp|/udp], as in 8080:80");
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return Err(wrong("the protocol must be tcp or udp")),
        };
        let (host, container) = ports.rsplit_once(':').ok_or_else(expected)?;
        let (address, host) = host.rsplit_once(':').unwrap_or(("0.0.0.0", host));
        let address =
            address.parse().map_err(|_| wrong(&format!("{address:?} is not an IPv4 address")))?;
        let range =
            |ports| range(ports).ok_or_else(|| wrong("ports are 1 to 65535, as 80 or 80-89"));
        let (host, container) = (range(host)?, range(container)?);
        if host.len() != container.len() {
            return Err(wrong("the two ranges must be of one length"));
        }
        let count = u16::try_from(host.len()).map_err(|_| expected())?;
        let (host, container) = (*host.start(), *container.start());
        Ok(Self { address, host, container, count, protocol })
    }
}

/// `80` or `80-89`.
fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    // Not by `parse` alone, which takes "+80".
    let port = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|port| digits && *port > 0)
    };
    let range = port(first)?..=port(last)?;
    (!range.is_empty()).then_some(range)
}

impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let range = |first: u16| match self.count {
            1 => first.to_string(),
            count => format!("{first}-{}", first + (count - 1)),
        };
        if !self.address.is_unspecified() {
            write!(f, "{}:", self.address)?;
        }
        write!(f, "{}:{}/{}", range(self.host), range(self.container), self.protocol)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("8080:80", "8080:80/tcp", 1)]
    #[case("8080:80/udp", "8080:80/udp", 1)]
    #[case("127.0.0.1:8080:80/tcp", "127.0.0.1:8080:80/tcp", 1)]
    #[case("0.0.0.0:8080:80", "8080:80/tcp", 1)]
    #[case("9000-9009:80-89", "9000-9009:80-89/tcp", 10)]
    #[case("1-65535:1-65535/udp", "1-65535:1-65535/udp", 65535)]
    fn what_is_published_reads_the_same_when_written(
        #[case] text: Publish,
        #[case] written: &str,
        #[case] count: usize,
    ) {
        assert_eq!(text.to_string(), written);
        assert_eq!(written.parse::<Publish>().expect("it was written by us"), text);
        assert_eq!(text.pairs().count(), count);
    }
}
