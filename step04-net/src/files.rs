//! The files by which names are found: `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf`.
//!
//! Each container has its own, in its run directory, mounted over those of the root file system.
//! See hosts(5), hostname(5), resolv.conf(5).

use std::{
    fs::{self, Permissions},
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Error, Result, anyhow};
use step03::{Explain, Mount, Volume, sh};

use crate::{Network, Subnet};

/// What the files are to say.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Where they are kept.
    pub dir: PathBuf,
    /// The container's host name.
    pub hostname: String,
    /// Resolvers, in place of the host's.
    pub dns: Vec<IpAddr>,
    /// More names.
    pub hosts: Vec<AddHost>,
}

/// A name and its address: what a value of `--add-host` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddHost {
    name: String,
    /// `None` stands for the host's own address on the bridge.
    address: Option<IpAddr>,
}

impl FromStr for AddHost {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let expected = || {
            anyhow!(
                "net: --add-host {text:?}: expected NAME:IP or NAME:host-gateway, as in db:10.0.0.7"
            )
        };
        let (name, address) = text.split_once(':').ok_or_else(expected)?;
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || !name.chars().all(good) {
            return Err(expected());
        }
        let address = match address {
            "host-gateway" => None,
            address => Some(address.parse().map_err(|_| expected())?),
        };
        Ok(Self { name: name.into(), address })
    }
}

/// A value of `--dns`.
pub(crate) fn resolver(text: &str) -> Result<IpAddr> {
    text.parse().map_err(|_| anyhow!("net: --dns {text:?}: expected an IP address"))
}

impl Files {
    /// Has them mounted over those of the rootfs, except where a volume was asked for.
    ///
    /// Nothing can be made in the host's own `/`, which is read-only for a container: what is not
    /// there is not mounted.
    pub fn mount(&self, mount: &mut Mount) {
        for name in ["hosts", "hostname", "resolv.conf"] {
            let (source, target) = (self.dir.join(name), Path::new("/etc").join(name));
            let taken = mount.volumes.iter().any(|volume| volume.target == target);
            let missing = mount.rootfs == Path::new("/") && !target.exists();
            if !taken && !missing {
                mount.volumes.push(Volume { source, target, read_only: false });
            }
        }
    }

    /// Writes them for a container with this network and, on a bridge, this address.
    pub(crate) fn write(
        &self,
        explain: &Explain,
        network: Network,
        address: Option<(Ipv4Addr, Subnet)>,
    ) -> Result<()> {
        self.write_one(explain, "hosts", &self.hosts(network, address))?;
        self.write_one(explain, "hostname", &format!("{}\n", self.hostname))?;
        self.write_one(explain, "resolv.conf", &self.resolv_conf(network, &host_resolv_conf()))
    }

    fn write_one(&self, explain: &Explain, name: &str, text: &str) -> Result<()> {
        let path = self.dir.join(name);
        explain.act(
            format_args!("printf %b {} > {}", sh([text.replace('\n', "\\n")]), sh([&path])),
            format_args!("writing {}", path.display()),
            || {
                fs::write(&path, text)?;
                fs::set_permissions(&path, Permissions::from_mode(0o644)) // whatever the umask
            },
        )
    }

    fn hosts(&self, network: Network, address: Option<(Ipv4Addr, Subnet)>) -> String {
        let (own, gateway) = match address {
            Some((own, subnet)) => (own, subnet.gateway()),
            None => (Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST),
        };
        let mut text = match network {
            Network::Host => fs::read_to_string("/etc/hosts").unwrap_or_default(),
            _ => "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n".into(),
        };
        text += &format!("{own} {}\n", self.hostname);
        for AddHost { name, address } in &self.hosts {
            text += &format!("{} {name}\n", address.unwrap_or(gateway.into()));
        }
        text
    }

    /// From the host's file: other resolvers or those of the host's that can be reached, and
    /// everything else (search domains, options).
    fn resolv_conf(&self, network: Network, host: &str) -> String {
        // ANCHOR: exercise-4-9
        let (servers, rest): (Vec<_>, Vec<_>) =
            host.lines().partition(|line| line.trim_start().starts_with("nameserver"));
        let mut lines: Vec<_> = rest.into_iter().map(str::to_string).collect();
        let servers: Vec<_> = match &self.dns[..] {
            [] => servers.iter().filter_map(|line| reached(network, line)).collect(),
            given => given.iter().map(IpAddr::to_string).collect(),
        };
        if servers.is_empty() {
            lines.push("# No resolver of the host can be reached from here; see --dns.".into());
        }
        lines.extend(servers.iter().map(|server| format!("nameserver {server}")));
        lines.join("\n") + "\n"
        // ANCHOR_END: exercise-4-9
    }
}

/// The resolver in a line of the host's file, if it can be reached from the container.
fn reached(network: Network, line: &str) -> Option<String> {
    let server = line.split_whitespace().nth(1)?;
    let address: Option<Ipv4Addr> = server.parse().ok();
    let reached = match network {
        Network::Host => true,
        Network::None => false,
        // The bridge speaks IPv4, and 127.0.0.1 is the container itself.
        Network::Bridge => address.is_some_and(|address| !address.is_loopback()),
    };
    reached.then(|| server.to_string())
}

/// The host's `/etc/resolv.conf`, or the file with the true resolvers where that names only
/// systemd-resolved(8), which listens on the host's 127.0.0.53.
fn host_resolv_conf() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let file = read("/etc/resolv.conf");
    let mut servers = file.lines().filter_map(|line| line.strip_prefix("nameserver"));
    match servers.next().map(str::trim) {
        Some("127.0.0.53") if servers.next().is_none() => read("/run/systemd/resolve/resolv.conf"),
        _ => file,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const NONE: &str = "# No resolver of the host can be reached from here; see --dns.\n";

    #[rstest]
    #[case(Network::Bridge, "nameserver 192.0.2.53\n", "nameserver 192.0.2.53\n")]
    #[case(Network::Bridge, "nameserver 127.0.0.53\noptions edns0\n", &format!("options edns0\n{NONE}"))]
    #[case(
        Network::Bridge,
        "nameserver ::1\nnameserver 2001:db8::53\nnameserver fe80::1%eth0\n",
        NONE
    )]
    #[case(
        Network::Bridge,
        "nameserver 127.0.0.1\nnameserver 192.0.2.53\nsearch a b\n",
        "search a b\nnameserver 192.0.2.53\n"
    )]
    #[case(Network::Bridge, "", NONE)]
    #[case(Network::Host, "nameserver 127.0.0.53\n", "nameserver 127.0.0.53\n")]
    #[case(Network::None, "nameserver 192.0.2.53\n", NONE)]
    fn only_resolvers_that_can_be_reached_are_kept(
        #[case] network: Network,
        #[case] host: &str,
        #[case] wanted: &str,
    ) {
        assert_eq!(Files::default().resolv_conf(network, host), wanted);
    }

    #[test]
    fn given_resolvers_replace_the_hosts() {
        let dns = vec![IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
        let files = Files { dns, ..Files::default() };
        let text = files.resolv_conf(Network::None, "search a\nnameserver 192.0.2.53\n");
        assert_eq!(text, "search a\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n");
    }
}
