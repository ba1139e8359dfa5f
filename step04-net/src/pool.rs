//! The pool of addresses, which runtimes that know nothing of each other share.
//!
//! A directory for each network namespace, below that of the run directories, holds a file for
//! each address in use, its lease, with the container's id and what it publishes. All of it is
//! read and written under one lock. What happens under it is whole for everybody else: taking
//! the last lease away together with the bridge, making the bridge together with the first lease.

use std::{
    fs::{self, DirBuilder, File},
    io::ErrorKind,
    net::Ipv4Addr,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use nix::fcntl::Flock;
use step03::{Explain, sh};

use crate::{Publish, Subnet, run_dir};

/// An address, and who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address on the bridge.
    pub address: Ipv4Addr,
    /// The container's id.
    pub id: String,
    /// The container's published ports, which must be taken back with the address.
    pub publish: Vec<Publish>,
}

impl Lease {
    /// The host's end of the container's veth pair.
    pub(crate) fn link(&self) -> String {
        format!("layers-{:08x}", self.address.to_bits()) // 15 bytes: the longest name there can be
    }
}

/// What all containers of a network namespace share: see `bridge.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shared {
    /// The addresses that the pool has.
    pub subnet: Subnet,
    /// Whether the host forwarded packets before there were containers.
    pub router: bool,
}

/// The pool of this process's network namespace, locked for this process.
pub(crate) struct Pool {
    dir: PathBuf,
    _lock: Flock<File>,
}

impl Pool {
    /// Whether a container of this network namespace has, or had, an address.
    pub fn exists() -> Result<bool> {
        Ok(dir()?.exists())
    }

    /// Waits for the lock.
    pub fn lock(explain: &Explain) -> Result<Self> {
        let (lock, dir) = (run_dir::lock_base()?, dir()?);
        if !dir.exists() {
            explain.act(
                sh(["mkdir".as_ref(), "--mode=700".as_ref(), dir.as_os_str()]),
                format_args!("making the pool's directory {}", dir.display()),
                || DirBuilder::new().mode(0o700).create(&dir),
            )?;
        }
        Ok(Self { dir, _lock: lock })
    }

    /// Every address that is taken, by the living or the dead.
    pub fn leases(&self) -> Result<Vec<Lease>> {
        let reading = || format!("reading {}", self.dir.display());
        let mut leases = Vec::new();
        for entry in fs::read_dir(&self.dir).with_context(reading)? {
            let name = entry.with_context(reading)?.file_name();
            if let Some(Ok(address)) = name.to_str().map(str::parse) {
                leases.push(self.read(address)?);
            }
        }
        Ok(leases)
    }

    /// A lease that says nothing belongs to nobody, and so to nobody who is alive.
    fn read(&self, address: Ipv4Addr) -> Result<Lease> {
        let path = self.path(address);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()));
        let text = text?;
        let (id, publish) = text.split_once('\n').unwrap_or((&text, ""));
        let publish = publish.lines().filter_map(|line| line.parse().ok()).collect();
        Ok(Lease { address, id: id.to_string(), publish })
    }

    /// Gives `id` the lowest free address of `subnet`.
    pub fn take(
        &self,
        explain: &Explain,
        subnet: Subnet,
        id: &str,
        publish: &[Publish],
    ) -> Result<Lease> {
        let taken: Vec<_> = self.leases()?.iter().map(|lease| lease.address).collect();
        let free = subnet.hosts().find(|address| !taken.contains(address));
        let address = free.ok_or_else(|| {
            let all = subnet.hosts().count();
            anyhow!("no address is left in {subnet}: other containers have all {all}")
        })?;
        let lease = Lease { address, id: id.to_string(), publish: publish.to_vec() };
        let publish = publish.iter().map(|publish| format!("{publish}\n"));
        let text = format!("{id}\n{}", publish.collect::<String>());
        let path = self.path(address);
        explain.act(
            format_args!("echo {id} > {}", sh([&path])),
            format_args!("writing the lease {}", path.display()),
            || self.write(&path, &text),
        )?;
        Ok(lease)
    }

    /// Makes the address free.
    pub fn give_back(&self, explain: &Explain, lease: &Lease) -> Result<()> {
        let path = self.path(lease.address);
        explain.act(
            sh(["rm".as_ref(), path.as_os_str()]),
            format_args!("removing the lease {}", path.display()),
            || fs::remove_file(&path),
        )
    }

    /// What containers share, if there is a bridge.
    pub fn shared(&self) -> Result<Option<Shared>> {
        let path = self.dir.join("bridge");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("reading {}", path.display()))?,
        };
        let (subnet, router) = text.trim().split_once('\n').unwrap_or_default();
        Ok(Some(Shared { subnet: subnet.parse()?, router: router == "router" }))
    }

    /// Remembers what containers share.
    pub fn share(&self, Shared { subnet, router }: Shared) -> Result<()> {
        let router = if router { "router" } else { "host" };
        let path = self.dir.join("bridge");
        let written = self.write(&path, &format!("{subnet}\n{router}\n"));
        written.with_context(|| format!("writing {}", path.display()))
    }

    /// Forgets everything, when the last container has left.
    pub fn dissolve(self, explain: &Explain) -> Result<()> {
        let dir = &self.dir;
        explain.act(
            sh(["rm".as_ref(), "-r".as_ref(), dir.as_os_str()]),
            format_args!("removing {}", dir.display()),
            || fs::remove_dir_all(dir),
        )
    }

    /// All at once: whoever is killed half-way leaves the old file, or none.
    fn write(&self, path: &Path, text: &str) -> std::io::Result<()> {
        let new = self.dir.join("new");
        fs::write(&new, text)?;
        fs::rename(&new, path)
    }

    fn path(&self, address: Ipv4Addr) -> PathBuf {
        self.dir.join(address.to_string())
    }
}

/// The directory that belongs to this process's network namespace.
fn dir() -> Result<PathBuf> {
    let netns = fs::metadata("/proc/self/ns/net").context("looking at /proc/self/ns/net")?;
    Ok(run_dir::base().join(format!(".net-{}", netns.ino())))
}
