//! A network namespace with nothing but loopback, for an engine to connect. See
//! network_namespaces(7).

use anyhow::{Context, Result};
use nix::sched::CloneFlags;
use step07::{Explain, Layer, rtnetlink::Rtnetlink};

/// The layer that makes it.
pub struct Loopback;

impl Layer for Loopback {
    fn name(&self) -> &'static str {
        "net"
    }

    fn namespaces(&self) -> CloneFlags {
        CloneFlags::CLONE_NEWNET
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        let rtnetlink = Rtnetlink::open().context("opening a netlink socket")?;
        explain.act("ip link set lo up", "switching lo on", || rtnetlink.set_up("lo"))
    }
}
