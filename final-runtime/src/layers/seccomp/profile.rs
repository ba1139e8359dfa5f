//! Profiles: what a container may do by the capabilities that it has and the machine that it is on.
//!
//! Docker's profiles are `linux.seccomp` with more: entries that count only for some capabilities,
//! architectures or kernels. A call that a capability guards is refused by the kernel to whoever
//! has not got it, and yet the default profile keeps it away from them: what is not reached has no
//! holes. Whoever is given the capability is given its calls too. See Docker's "Seccomp security
//! profiles for Docker".

use std::{fmt, fs, path::Path, str::FromStr};

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::utsname::uname;
use serde::{Deserialize, Serialize};
use step07::{Cap, CapSet};

use super::arch::NATIVE;
use crate::spec::seccomp::{Arch, Seccomp, Syscall};

/// A profile, as Docker writes them. What `linux.seccomp` has is one too.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    #[serde(flatten)]
    always: Seccomp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    arch_map: Vec<Family>,
    #[serde(default)]
    syscalls: Vec<Entry>,
}

/// The architectures that a machine runs besides its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Family {
    architecture: Arch,
    sub_architectures: Option<Vec<Arch>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    syscall: Syscall,
    #[serde(default)]
    includes: Filter,
    #[serde(default)]
    excludes: Filter,
}

/// What an entry depends on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    caps: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    arches: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_kernel: Option<Kernel>,
}

/// A kernel's version: `major.minor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Kernel(u32, u32);

/// What a profile is made into `linux.seccomp` for.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// What the container may have: its bounding set.
    pub caps: CapSet,
    /// The machine's architecture.
    pub arch: Arch,
    /// The machine's kernel.
    pub kernel: Kernel,
}

impl Circumstances {
    /// Those of a container on this machine.
    pub fn here(caps: CapSet) -> Result<Self> {
        let release = uname().context("asking for the kernel's version")?;
        let kernel = release.release().to_string_lossy().parse()?;
        Ok(Self { caps, arch: NATIVE, kernel })
    }
}

impl Profile {
    /// The one for containers about which nobody says anything else.
    pub fn standard() -> Self {
        serde_json::from_str(include_str!("default.json")).expect("a test reads it")
    }

    /// One that somebody wrote.
    pub fn read(file: &Path) -> Result<Self> {
        let name = file.display();
        let text = fs::read(file).with_context(|| format!("reading {name}"))?;
        serde_json::from_slice(&text).with_context(|| format!("{name} is no seccomp profile"))
    }

    /// What it says for this container.
    pub fn resolve(&self, at: &Circumstances) -> Result<Seccomp> {
        let mut seccomp = self.always.clone();
        ensure!(
            seccomp.architectures.is_empty() || self.arch_map.is_empty(),
            "a profile has architectures or an archMap, not both"
        );
        for family in self.arch_map.iter().filter(|family| family.architecture == at.arch) {
            seccomp.architectures.push(family.architecture);
            seccomp.architectures.extend(family.sub_architectures.iter().flatten());
        }
        let entries = self.syscalls.iter().filter(|entry| entry.counts(at));
        seccomp.syscalls = entries.map(|entry| entry.syscall.clone()).collect();
        Ok(seccomp)
    }
}

impl Entry {
    fn counts(&self, at: &Circumstances) -> bool {
        let has = |cap: &String| cap.parse::<Cap>().is_ok_and(|cap| at.caps.has(cap));
        let here = |arch: &String| *arch == docker_name(at.arch);
        let Self { includes, excludes, .. } = self;
        includes.caps.iter().all(has)
            && (includes.arches.is_empty() || includes.arches.iter().any(here))
            && includes.min_kernel.is_none_or(|kernel| at.kernel >= kernel)
            && !excludes.caps.iter().any(has)
            && !excludes.arches.iter().any(here)
            && excludes.min_kernel.is_none_or(|kernel| at.kernel < kernel)
    }
}

/// What profiles call an architecture: some of these names are Go's, some libseccomp's.
fn docker_name(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "amd64",
        Arch::X86 => "x86",
        Arch::X32 => "x32",
        Arch::Aarch64 => "arm64",
        Arch::Arm => "arm",
        Arch::Riscv64 => "riscv64",
        other => other.name(),
    }
}

impl FromStr for Kernel {
    type Err = anyhow::Error;

    /// From `4.8`, or all that uname(2) says.
    fn from_str(text: &str) -> Result<Self> {
        let number = |part: &str| {
            let digits = part.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
            digits.parse().ok()
        };
        let parts = text
            .split_once('.')
            .and_then(|(major, rest)| Some(Self(major.parse().ok()?, number(rest)?)));
        parts.ok_or_else(|| anyhow!("{text:?} is no kernel's version"))
    }
}

impl TryFrom<String> for Kernel {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl From<Kernel> for String {
    fn from(kernel: Kernel) -> Self {
        kernel.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::seccomp::numbers::Numbers;

    fn resolve(caps: &[&str], arch: Arch, kernel: &str) -> Seccomp {
        let caps = caps.iter().map(|cap| cap.parse::<Cap>().expect("a capability")).collect();
        let kernel = kernel.parse().expect("a version");
        let at = Circumstances { caps, arch, kernel };
        Profile::standard().resolve(&at).expect("the default profile has only an archMap")
    }

    fn speaks_of(seccomp: &Seccomp, name: &str) -> usize {
        seccomp.syscalls.iter().filter(|entry| entry.names.iter().any(|n| n == name)).count()
    }

    #[test]
    fn capabilities_architectures_and_kernels_count() {
        let plain = resolve(&["CHOWN"], Arch::X86_64, "6.1.0-1-amd64");
        let admin = resolve(&["SYS_ADMIN"], Arch::X86_64, "6.1");
        assert_eq!((speaks_of(&plain, "mount"), speaks_of(&admin, "mount")), (0, 1));
        assert!(
            admin
                .syscalls
                .iter()
                .any(|e| e.names.contains(&"clone3".into()) && e.errno_ret.is_none())
        );
        let clone3 = plain.syscalls.iter().find(|e| e.names == ["clone3"]).expect("it is there");
        assert_eq!(clone3.errno_ret, Some(38));
        assert_eq!(speaks_of(&plain, "ptrace"), 1);
        assert_eq!(speaks_of(&resolve(&[], Arch::X86_64, "4.7.99"), "ptrace"), 0);
        assert_eq!(speaks_of(&plain, "arch_prctl"), 1);
        assert_eq!(plain.architectures, [Arch::X86_64, Arch::X86, Arch::X32]);
        let arm = resolve(&[], Arch::Aarch64, "6.1");
        assert_eq!((speaks_of(&arm, "arch_prctl"), speaks_of(&arm, "cacheflush")), (0, 1));
        assert_eq!(arm.architectures, [Arch::Aarch64, Arch::Arm]);
    }

    #[test]
    fn the_default_profile_speaks_of_known_calls_only() {
        let known: Vec<_> = Numbers::new().names().collect();
        for entry in Profile::standard().syscalls {
            for name in &entry.syscall.names {
                assert!(known.contains(&name.as_str()), "no architecture has {name}");
            }
            for cap in entry.includes.caps.iter().chain(&entry.excludes.caps) {
                cap.parse::<Cap>().expect("a capability's name");
            }
        }
    }
}
