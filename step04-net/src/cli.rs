//! Step 3's command line, and the flags of the network.

use std::net::IpAddr;

use anyhow::Result;
use nix::unistd::gethostname;
use step03::{Container, Mount, Propagation, Step, Uts};

use crate::{AddHost, Net, Network, Publish, RunDir, Subnet, files};

/// The flags of step 4.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub struct Args {
    /// Those of step 3, which a later step may have to adapt.
    #[command(flatten)]
    pub step03: step03::Args,

    #[command(flatten)]
    net: NetArgs,
}

/// The flags of the network.
#[derive(clap::Args, Debug)]
#[group(skip)]
#[command(next_help_heading = "Network namespace")]
pub struct NetArgs {
    /// What the container is connected to: `none` (loopback alone), `host` (it has the host's own
    /// network) or `bridge` [default: bridge if you may change the host's network, else none]
    #[arg(long, value_name = "NETWORK")]
    pub network: Option<Network>,

    /// Let a port of the host lead to one of the container, or a range to a range; may be repeated
    #[arg(short, long, value_name = "[IP:]HOST:CONTAINER[/udp]")]
    pub publish: Vec<Publish>,

    /// Addresses of the bridge [default: 10.88.0.0/16, or another that the host has no route to]
    #[arg(long, value_name = "ADDRESS/LENGTH")]
    pub subnet: Option<Subnet>,

    /// Resolver, in place of the host's; may be repeated
    #[arg(long, value_name = "IP", value_parser = files::resolver)]
    pub dns: Vec<IpAddr>,

    /// A name for /etc/hosts; the address `host-gateway` is the host's; may be repeated
    #[arg(long, value_name = "NAME:IP")]
    pub add_host: Vec<AddHost>,
}

impl Step for Args {
    const NAME: &'static str = "step04";
    const ABOUT: &'static str =
        "Run a command with network interfaces and an address of its own, on top of step 3.";

    fn container(self) -> Result<Container> {
        let mut container = self.step03.container()?;
        let run_dir = RunDir::new()?;
        let mut net = Net::new(&run_dir);
        net.network = self.net.network;
        net.subnet = self.net.subnet;
        net.publish = self.net.publish;
        net.files.dns = self.net.dns;
        net.files.hosts = self.net.add_host;
        net.files.hostname = match container.stack.get_mut::<Uts>() {
            Some(Uts { hostname: Some(name), .. }) => name.clone(),
            _ => gethostname()?.to_string_lossy().into_owned(),
        };
        if let Some(mount) = container.stack.get_mut::<Mount>() {
            net.files.mount(mount);
        }
        container.stack.below::<Propagation>(net);
        container.stack.bottom(run_dir);
        Ok(container)
    }
}
