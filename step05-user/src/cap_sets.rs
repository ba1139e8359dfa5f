//! The five capability sets of a process, and the system calls that read and change them.
//!
//! See capabilities(7), "Thread capability sets", capget(2), and of prctl(2) the operations
//! PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_CAP_AMBIENT.

use std::fmt;

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::{Cap, CapSet};

/// What a process may do (effective), may let itself do (permitted), and what becomes of that when
/// it executes a program (the other three).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapSets {
    /// What the kernel looks at when it checks.
    pub effective: CapSet,
    /// What may be made effective.
    pub permitted: CapSet,
    /// What a program whose file has it inheritable too is given. Nobody needs that; so it stays
    /// empty but for what is ambient (CVE-2022-29162 and its kin).
    pub inheritable: CapSet,
    /// What no execve(2) can go beyond, be it of a set-user-ID program. Root's new program has
    /// all of it.
    pub bounding: CapSet,
    /// What a program executed by one who is not root keeps.
    pub ambient: CapSet,
}

impl CapSets {
    /// Docker's rule: root has `caps`. Anyone else could come by them only by executing a program
    /// that gives them, except those that are `ambient`, which are kept.
    pub fn new(caps: CapSet, ambient: CapSet, root: bool) -> Self {
        // ANCHOR: exercise-5-3
        let now = if root { caps } else { ambient };
        Self { effective: now, permitted: now, inheritable: ambient, bounding: caps, ambient }
        // ANCHOR_END: exercise-5-3
    }

    /// Those of this process.
    pub fn current() -> Result<Self> {
        let (mut header, mut data) = (HEADER, [Data::default(); 2]);
        // SAFETY: `header` and `data` have the layout that version 3 asks for.
        let got = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, &raw mut data) };
        Errno::result(got).context("reading the capability sets")?;
        let set = |pick: fn(&Data) -> u32| {
            CapSet::from_bits(u64::from(pick(&data[0])) | u64::from(pick(&data[1])) << 32)
        };
        let (permitted, inheritable) = (set(|data| data.permitted), set(|data| data.inheritable));
        let ambient = permitted.and(inheritable); // the kernel keeps it within both
        Ok(Self {
            effective: set(|data| data.effective),
            permitted,
            inheritable,
            bounding: CapSet::known().iter().filter(|cap| bounding_has(*cap) == Ok(true)).collect(),
            ambient: ambient.iter().filter(|cap| ambient_has(*cap)).collect(),
        })
    }

    /// Gives up what is not in `bounding`. Takes CAP_SETPCAP, which is why this comes first.
    pub fn apply_bounding(&self) -> Result<()> {
        // ANCHOR: exercise-5-7
        for cap in CapSet::known().without(self.bounding).iter() {
            prctl(libc::PR_CAPBSET_DROP, cap.number().into(), 0)
                .with_context(|| format!("dropping {cap} from the bounding set"))?;
        }
        Ok(())
        // ANCHOR_END: exercise-5-7
    }

    /// Makes the other four what they are here.
    pub fn apply(&self) -> Result<()> {
        // ANCHOR: exercise-5-8
        prctl(libc::PR_CAP_AMBIENT, AMBIENT_CLEAR, 0).context("clearing the ambient set")?;
        let half = |shift: u32| Data {
            effective: low(self.effective.bits() >> shift),
            permitted: low(self.permitted.bits() >> shift),
            inheritable: low(self.inheritable.bits() >> shift),
        };
        let (mut header, data) = (HEADER, [half(0), half(32)]);
        // SAFETY: as in `current`; the kernel only reads.
        let set = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, &raw const data) };
        Errno::result(set).context("setting the capability sets")?;
        for cap in self.ambient.iter() {
            prctl(libc::PR_CAP_AMBIENT, AMBIENT_RAISE, cap.number().into())
                .with_context(|| format!("making {cap} ambient"))?;
        }
        Ok(())
        // ANCHOR_END: exercise-5-8
    }
}

impl fmt::Display for CapSets {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "effective {}, permitted {}, inheritable {}, bounding {}, ambient {}",
            self.effective, self.permitted, self.inheritable, self.bounding, self.ambient
        )
    }
}

impl CapSet {
    /// All that this kernel knows, as in `/proc/sys/kernel/cap_last_cap`. A process in a new user
    /// namespace begins with these.
    pub fn known() -> Self {
        // EINVAL is the kernel's word for one beyond the last. In seven questions, not in 41.
        let all: Vec<_> = Self::from_bits(u64::MAX).iter().collect();
        let known = all.partition_point(|cap| bounding_has(*cap).is_ok());
        all.into_iter().take(known).collect()
    }
}

/// Uses a capability, to no effect. Where a security module takes all of them away, the sets still
/// show them, and only the use of one fails.
pub(crate) fn try_power() -> nix::Result<()> {
    // With CAP_SETPCAP one gets as far as being told that there is no such capability to drop.
    match prctl(libc::PR_CAPBSET_DROP, 255, 0) {
        Err(Errno::EINVAL) => Ok(()),
        other => other.map(drop),
    }
}

fn bounding_has(cap: Cap) -> nix::Result<bool> {
    prctl(libc::PR_CAPBSET_READ, cap.number().into(), 0).map(|answer| answer == 1)
}

fn ambient_has(cap: Cap) -> bool {
    prctl(libc::PR_CAP_AMBIENT, AMBIENT_IS_SET, cap.number().into()) == Ok(1)
}

/// The operations of PR_CAP_AMBIENT that are used here.
const AMBIENT_IS_SET: libc::c_ulong = libc::PR_CAP_AMBIENT_IS_SET as libc::c_ulong;
const AMBIENT_RAISE: libc::c_ulong = libc::PR_CAP_AMBIENT_RAISE as libc::c_ulong;
const AMBIENT_CLEAR: libc::c_ulong = libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong;

fn prctl(operation: i32, a: libc::c_ulong, b: libc::c_ulong) -> nix::Result<i32> {
    // SAFETY: the operations used here take numbers and no pointers; those not used must be 0.
    Errno::result(unsafe { libc::prctl(operation, a, b, 0 as libc::c_ulong, 0 as libc::c_ulong) })
}

/// `struct __user_cap_header_struct`: 64-bit sets, of this process.
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

const HEADER: Header = Header { version: 0x2008_0522, pid: 0 }; // _LINUX_CAPABILITY_VERSION_3

/// `struct __user_cap_data_struct`: one half of three sets.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

fn low(bits: u64) -> u32 {
    (bits & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_read_is_what_proc_says() {
        let status = fs::read_to_string("/proc/thread-self/status").expect("status");
        let proc = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).expect(key);
            CapSet::from_bits(u64::from_str_radix(line.trim(), 16).expect(line))
        };
        let expected = CapSets {
            effective: proc("CapEff:"),
            permitted: proc("CapPrm:"),
            inheritable: proc("CapInh:"),
            bounding: proc("CapBnd:"),
            ambient: proc("CapAmb:"),
        };
        assert_eq!(CapSets::current().expect("readable"), expected);
    }

    #[test]
    fn one_without_capabilities_has_no_power() {
        let none = CapSets { bounding: CapSet::known(), ..CapSets::default() };
        // The sets are each thread's own.
        let thread = std::thread::spawn(move || {
            none.apply().expect("anyone may give up");
            try_power()
        });
        assert_eq!(thread.join().expect("no panic"), Err(Errno::EPERM));
    }

    #[test]
    fn the_kernels_last_capability_is_the_last_known() {
        let last = fs::read_to_string("/proc/sys/kernel/cap_last_cap").expect("cap_last_cap");
        let last: u32 = last.trim().parse().expect("a number");
        assert_eq!(CapSet::known().bits(), (1 << (last + 1)) - 1);
    }
}
