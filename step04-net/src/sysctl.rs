//! The kernel's settings of the network, files below `/proc/sys/net`. See sysctl(8), and
//! Documentation/networking/ip-sysctl.rst of the kernel.
//!
//! Each network namespace has its own values; which ones a process sees there depends on the
//! namespace it is in, not on where and when `/proc` was mounted.

use std::{fs, io::ErrorKind, path::Path};

use anyhow::{Context, Result};
use step03::Explain;

/// Whether this host hands packets on from one interface to another.
pub(crate) const IP_FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";

/// Whether the setting is other than 0.
pub(crate) fn is_on(path: &str) -> Result<bool> {
    let value = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    Ok(value.trim() != "0")
}

/// Switches a setting on or off.
pub(crate) fn switch(explain: &Explain, path: &str, on: bool) -> Result<()> {
    let value = u8::from(on).to_string();
    let write = || fs::write(path, &value);
    explain.act(format_args!("echo {value} > {path}"), format_args!("writing {path}"), write)
}

/// Switches IPv6 off on one interface, if this kernel has IPv6.
///
/// Only IPv4 is handled here, and whoever is not asked to speak IPv6 must not be made to: a
/// container could otherwise announce itself as the router of all its neighbours.
pub(crate) fn without_ipv6(explain: &Explain, interface: &str) -> Result<()> {
    let path = format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6");
    match Path::new(&path).symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        _ => switch(explain, &path, true),
    }
}
