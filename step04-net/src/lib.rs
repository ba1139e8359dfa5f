//! Step 4: a network namespace, and a way out of it.
//!
//! | file | subject |
//! | --- | --- |
//! | `net.rs` | the layer: what happens at which moment of a container's life |
//! | `bridge.rs` | what all containers share: bridge, firewall table, forwarding |
//! | `pool.rs`, `subnet.rs` | addresses, and how runtimes share them |
//! | `ports.rs` | published ports |
//! | `rules.rs` | the firewall's rules, as data |
//! | `files.rs` | `/etc/hosts`, `/etc/hostname`, `/etc/resolv.conf` |
//! | `netlink.rs` | speaking with the kernel's network |
//! | `rtnetlink.rs` | … about links, addresses and routes, as `ip` does |
//! | `nft.rs`, `nft_expr.rs` | … about the firewall, as `nft` does |
//! | `conntrack.rs` | … about connections that it remembers, as `conntrack` does |
//! | `nfnetlink.rs` | … in the messages that the last two have in common |
//! | `sysctl.rs` | settings below `/proc/sys/net` |
//! | `run_dir.rs` | the layer that tells the living from the dead: a locked directory each |
//! | `cli.rs` | the flags |
//!
//! Left out here, on purpose: IPv6 beyond the loopback interface; more than one bridge; isolation
//! of containers from each other and from the host's own services, which they reach at the
//! bridge's address; and a firewall of the host's that drops what it forwards: that must be told
//! to let `layers0` through.

mod bridge;
mod cli;
mod conntrack;
mod files;
mod net;
mod netlink;
mod nfnetlink;
mod nft;
mod nft_expr;
mod pool;
mod ports;
pub mod rtnetlink;
mod rules;
mod run_dir;
mod subnet;
mod sysctl;

pub use cli::{Args, NetArgs};
pub use files::{AddHost, Files};
pub use net::{Net, Network};
pub use pool::Lease;
pub use ports::{Protocol, Publish};
pub use run_dir::{RunDir, alive, base};
pub use step03::{self, *};
pub use subnet::Subnet;
