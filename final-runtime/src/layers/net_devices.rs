//! `linux.netDevices`: interfaces of the host that the container takes over, with their addresses. See
//! network_namespaces(7), and "Network Devices" in config-linux.md of the OCI runtime specification.
//!
//! An interface that changes its network namespace loses its addresses and is switched off: they are
//! read before, by the host's side, and given back after, by the container's. When the namespace goes,
//! one that is hardware returns to the host.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;
use step07::{
    Explain, Layer,
    rtnetlink::{Address, Rtnetlink},
};

use crate::spec::NetDevice;

/// The layer that moves them, above that of the network namespace.
pub struct NetDevices(Vec<Device>);

struct Device {
    /// On the host.
    name: String,
    /// In the container.
    new: String,
    addresses: Vec<Address>,
}

impl NetDevices {
    /// These.
    pub fn new(asked: &BTreeMap<String, NetDevice>) -> Result<Self> {
        let device = |(name, device): (&String, &NetDevice)| {
            let new = device.name.clone().filter(|new| !new.is_empty());
            let new = new.unwrap_or_else(|| name.clone());
            for one in [name, &new] {
                let plain =
                    one.bytes().all(|byte| byte.is_ascii_graphic() && !b"/:%".contains(&byte));
                let right = plain && (1..16).contains(&one.len()) && one != "." && one != "..";
                ensure!(right, "spec: linux.netDevices: {one:?} is no interface's name");
            }
            Ok(Device { name: name.clone(), new, addresses: Vec::new() })
        };
        asked.iter().map(device).collect::<Result<_>>().map(Self)
    }
}

impl Layer for NetDevices {
    fn name(&self) -> &'static str {
        "net"
    }

    fn prepare(&mut self, _explain: &Explain) -> Result<()> {
        let rtnetlink = Rtnetlink::open().context("opening a netlink socket")?;
        for device in &mut self.0 {
            let addresses = rtnetlink.addresses(&device.name);
            device.addresses =
                addresses.with_context(|| format!("reading the addresses of {}", device.name))?;
        }
        Ok(())
    }

    fn attach(&mut self, explain: &Explain, child: Pid) -> Result<()> {
        let rtnetlink = Rtnetlink::open().context("opening a netlink socket")?;
        for Device { name, new, .. } in &self.0 {
            explain.act(
                format_args!("ip link set {name} netns {child} name {new}"),
                format_args!("moving {name} into the container as {new}"),
                || rtnetlink.give(name, child, new),
            )?;
        }
        Ok(())
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        let rtnetlink = Rtnetlink::open().context("opening a netlink socket")?;
        for Device { new, addresses, .. } in &self.0 {
            for address in addresses {
                explain.act(
                    format_args!("ip addr add {address} dev {new}"),
                    format_args!("giving {new} the address {address}"),
                    || rtnetlink.restore_address(new, address),
                )?;
            }
            let doing = format!("switching {new} on");
            explain.act(format_args!("ip link set {new} up"), doing, || rtnetlink.set_up(new))?;
        }
        Ok(())
    }
}
