//! Capabilities by name, and sets of them. See capabilities(7).

use std::{fmt, str::FromStr};

use anyhow::{Error, Result, anyhow};

/// One capability: one piece of what used to be root's undivided power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cap(u8);

/// By number, without the `CAP_` in front of them. See `linux/capability.h`.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

// Those that the code itself speaks of.
impl Cap {
    pub(crate) const CHOWN: Self = Self(0);
    pub(crate) const DAC_OVERRIDE: Self = Self(1);
    pub(crate) const FOWNER: Self = Self(3);
    pub(crate) const FSETID: Self = Self(4);
    pub(crate) const KILL: Self = Self(5);
    pub(crate) const SETGID: Self = Self(6);
    pub(crate) const SETUID: Self = Self(7);
    pub(crate) const SETPCAP: Self = Self(8);
    pub(crate) const NET_BIND_SERVICE: Self = Self(10);
    pub(crate) const NET_RAW: Self = Self(13);
    pub(crate) const SYS_CHROOT: Self = Self(18);
    /// The greater part of what root may do.
    pub const SYS_ADMIN: Self = Self(21);
    pub(crate) const MKNOD: Self = Self(27);
    pub(crate) const AUDIT_WRITE: Self = Self(29);
    pub(crate) const SETFCAP: Self = Self(31);

    /// Every one that this program knows by name.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).take(NAMES.len()).map(Self)
    }

    /// Its number in the kernel's interfaces.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Its name without `CAP_`, in capitals; its number if it is younger than this program.
    pub fn name(self) -> String {
        NAMES.get(usize::from(self.0)).map_or_else(|| self.0.to_string(), |name| name.to_string())
    }
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "CAP_{}", self.name())
    }
}

impl FromStr for Cap {
    type Err = Error;

    /// With or without `CAP_`, in capitals or not.
    fn from_str(text: &str) -> Result<Self> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
        let number = NAMES.iter().position(|known| *known == name);
        let number = number.and_then(|number| u8::try_from(number).ok());
        number.map(Self).ok_or_else(|| anyhow!("capabilities: {text:?} is no capability's name"))
    }
}

/// A set of capabilities, as the kernel keeps it: bit N stands for capability N.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct CapSet(u64);

impl CapSet {
    /// None.
    pub const EMPTY: Self = Self(0);

    /// From the kernel's bits.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The kernel's bits.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// Whether `cap` is in it.
    pub fn has(self, cap: Cap) -> bool {
        self.0 & (1 << cap.0) != 0
    }

    /// What is in either.
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this but not in `other`.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// By number.
    pub fn iter(self) -> impl Iterator<Item = Cap> {
        (0..64).map(Cap).filter(move |cap| self.has(*cap))
    }
}

impl FromIterator<Cap> for CapSet {
    fn from_iter<T: IntoIterator<Item = Cap>>(caps: T) -> Self {
        caps.into_iter().fold(Self::EMPTY, |set, cap| Self(set.0 | 1 << cap.0))
    }
}

impl fmt::Display for CapSet {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let names: Vec<_> = self.iter().map(|cap| cap.to_string()).collect();
        f.write_str(if names.is_empty() { "none" } else { "" })?;
        f.write_str(&names.join(","))
    }
}

impl fmt::Debug for CapSet {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "CapSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_form() {
        for text in ["CAP_SYS_ADMIN", "SYS_ADMIN", "sys_admin", "cap_sys_admin", "Cap_Sys_Admin"] {
            assert_eq!(text.parse::<Cap>().expect(text), Cap::SYS_ADMIN);
        }
        for (n, name) in NAMES.iter().enumerate() {
            assert_eq!(usize::from(name.parse::<Cap>().expect(name).number()), n);
        }
        for text in ["", "CAP_", "CAP_CAP_KILL", "ALL", "21", "SYS-ADMIN", " KILL"] {
            let error = text.parse::<Cap>().expect_err(text).to_string();
            assert_eq!(error, format!("capabilities: {text:?} is no capability's name"));
        }
    }

    #[test]
    fn the_constants_have_the_names_that_they_say() {
        for (cap, name) in [
            (Cap::CHOWN, "CAP_CHOWN"),
            (Cap::DAC_OVERRIDE, "CAP_DAC_OVERRIDE"),
            (Cap::FOWNER, "CAP_FOWNER"),
            (Cap::FSETID, "CAP_FSETID"),
            (Cap::KILL, "CAP_KILL"),
            (Cap::SETGID, "CAP_SETGID"),
            (Cap::SETUID, "CAP_SETUID"),
            (Cap::SETPCAP, "CAP_SETPCAP"),
            (Cap::NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE"),
            (Cap::NET_RAW, "CAP_NET_RAW"),
            (Cap::SYS_CHROOT, "CAP_SYS_CHROOT"),
            (Cap::SYS_ADMIN, "CAP_SYS_ADMIN"),
            (Cap::MKNOD, "CAP_MKNOD"),
            (Cap::AUDIT_WRITE, "CAP_AUDIT_WRITE"),
            (Cap::SETFCAP, "CAP_SETFCAP"),
        ] {
            assert_eq!(cap.to_string(), name);
        }
        assert_eq!("CHECKPOINT_RESTORE".parse::<Cap>().expect("the last").number(), 40);
    }

    #[test]
    fn a_set_is_bits() {
        let set: CapSet = [Cap::KILL, Cap::CHOWN].into_iter().collect();
        assert_eq!(set.bits(), 0b10_0001);
        assert_eq!(set.to_string(), "CAP_CHOWN,CAP_KILL");
        assert_eq!(CapSet::EMPTY.to_string(), "none");
        assert_eq!(CapSet::from_bits(1 << 63).to_string(), "CAP_63");
        let kill = CapSet::from_iter([Cap::KILL]);
        assert_eq!(set.without(kill), CapSet::from_iter([Cap::CHOWN]));
        assert_eq!(set.and(kill), kill);
        assert_eq!(kill.or(CapSet::from_iter([Cap::CHOWN])), set);
    }
}
