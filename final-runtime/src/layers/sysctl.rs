//! `linux.sysctl`: settings of the kernel that each container can have for itself.
//!
//! Those are the settings that belong to a namespace, and only if the namespace is the container's:
//! any other is the machine's. See sysctl(8), namespaces(7), and "Sysctl" in config-linux.md of the
//! OCI runtime specification.

use std::{
    fs::File,
    io::Write,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use step07::{Explain, Layer, sh};

use crate::spec::NamespaceKind;

/// The layer that writes them, below those that mount anything: `/proc` is still the host's, which
/// shows the settings of the namespaces that this process is in.
pub struct Sysctl(Vec<(PathBuf, String)>);

impl Sysctl {
    /// These, in a container that has namespaces of `owned` for itself.
    pub fn new<'a>(
        settings: impl IntoIterator<Item = (&'a String, &'a String)>,
        owned: impl Fn(NamespaceKind) -> bool,
    ) -> Result<Self> {
        let settings = settings.into_iter().map(|(name, value)| {
            let at = || format!("spec: linux.sysctl: {name:?}");
            let path = path(name).with_context(at)?;
            let needs = owner(&path).with_context(at)?;
            ensure!(
                owned(needs),
                "{}: it is the machine's: the container has no {needs:?} namespace of its own",
                at()
            );
            Ok((path, value.clone()))
        });
        settings.collect::<Result<_>>().map(Self)
    }
}

impl Layer for Sysctl {
    fn name(&self) -> &'static str {
        "sysctl"
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        for (path, value) in &self.0 {
            let file = Path::new("/proc/sys").join(path);
            let shown = file.display().to_string();
            let shell = format!("{} > {shown}", sh(["echo", value]));
            explain.act(shell, format_args!("writing {value:?} to {shown}"), || {
                let mut open = File::options().write(true).open(&file)?;
                let in_proc = fstatfs(open.as_fd())?.filesystem_type() == PROC_SUPER_MAGIC;
                ensure!(in_proc, "it is in no procfs");
                Ok(open.write_all(value.as_bytes())?)
            })?;
        }
        Ok(())
    }
}

/// The file below `/proc/sys`. A name has dots for slashes, or slashes; the first of either tells
/// which, and the other is then a letter as in `net.ipv4.conf.eth0/1.mtu`.
fn path(name: &str) -> Result<PathBuf> {
    let dots = name.find(['.', '/']).is_some_and(|at| name[at..].starts_with('.'));
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    };
    let path: String = if dots { name.chars().map(swap).collect() } else { name.into() };
    let plain = path.split('/').all(|part| !["", ".", ".."].contains(&part));
    ensure!(plain, "it is no setting's name");
    Ok(path.into())
}

/// Which namespace a setting belongs to.
fn owner(path: &Path) -> Result<NamespaceKind> {
    const IPC: [&str; 8] = [
        "kernel/msgmax",
        "kernel/msgmnb",
        "kernel/msgmni",
        "kernel/sem",
        "kernel/shmall",
        "kernel/shmmax",
        "kernel/shmmni",
        "kernel/shm_rmid_forced",
    ];
    if IPC.iter().any(|name| path == Path::new(name)) || path.starts_with("fs/mqueue") {
        return Ok(NamespaceKind::Ipc);
    }
    if path.starts_with("net") {
        return Ok(NamespaceKind::Network);
    }
    match path.to_str() {
        Some("kernel/domainname") => Ok(NamespaceKind::Uts),
        Some("kernel/hostname") => bail!("that is what the property hostname is for"),
        _ => bail!("it is the whole machine's, and no namespace has its own"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("net.ipv4.ip_forward", "net/ipv4/ip_forward")]
    #[case("net/ipv4/ip_forward", "net/ipv4/ip_forward")]
    #[case("net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding")]
    #[case("net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding")]
    fn a_name_is_a_path(#[case] name: &str, #[case] wanted: &str) {
        assert_eq!(path(name).expect("it is a name"), Path::new(wanted));
    }

    #[rstest]
    #[case("")]
    #[case("net/../kernel/core_pattern")]
    #[case("net..ipv4")]
    #[case("/net/ipv4")]
    #[case("net.//./kernel")]
    fn no_name_leads_elsewhere(#[case] name: &str) {
        assert!(path(name).is_err());
    }

    #[rstest]
    #[case("kernel.core_pattern", "it is the whole machine's, and no namespace has its own")]
    #[case("kernel.hostname", "that is what the property hostname is for")]
    #[case(
        "net.core.somaxconn",
        "it is the machine's: the container has no Network namespace of its own"
    )]
    fn what_is_the_machines_is_refused(#[case] name: &str, #[case] told: &str) {
        let all = [(name.to_string(), "1".to_string())];
        let error = Sysctl::new(all.iter().map(|(a, b)| (a, b)), |kind| kind == NamespaceKind::Ipc);
        let text = format!("{:#}", error.err().expect("it is refused"));
        assert_eq!(text, format!("spec: linux.sysctl: {name:?}: {told}"));
    }
}
