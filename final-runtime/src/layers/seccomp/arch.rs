//! The architectures that this program can filter, and how a filter tells them from one another.
//!
//! One machine runs programs of several: a call's number means nothing without its architecture,
//! and a filter that looks at the number alone lets the wrong calls through. See `arch` of `struct
//! seccomp_data` in seccomp(2), and `linux/audit.h`.

use crate::spec::seccomp::Arch;

/// One architecture's side of the kernel.
#[derive(Debug, PartialEq, Eq)]
pub struct Abi {
    /// Its name.
    pub arch: Arch,
    /// AUDIT_ARCH_…: how `seccomp_data` names it.
    pub audit: u32,
    /// What is set in each of its calls' numbers: x32 has the same `audit` as x86_64.
    pub bit: u32,
    /// Whether its arguments have 64 bits; otherwise only the lower halves mean something.
    pub wide: bool,
    /// From here on, far beyond the others, lie the numbers of the architecture's own calls.
    pub private: u32,
}

/// The bit of x32: `__X32_SYSCALL_BIT`.
pub const X32_BIT: u32 = 0x4000_0000;

const fn abi(arch: Arch, audit: u32, wide: bool) -> Abi {
    Abi { arch, audit, bit: 0, wide, private: u32::MAX }
}

/// In the order of the columns of `syscalls.tbl`.
pub const ABIS: [Abi; 6] = [
    abi(Arch::X86_64, 0xc000_003e, true),
    abi(Arch::X86, 0x4000_0003, false),
    // Its arguments are in registers of 64 bits, and yet numbers of 32.
    Abi { bit: X32_BIT, ..abi(Arch::X32, 0xc000_003e, false) },
    abi(Arch::Aarch64, 0xc000_00b7, true),
    Abi { private: 0xf_0000, ..abi(Arch::Arm, 0x4000_0028, false) }, // __ARM_NR_BASE
    abi(Arch::Riscv64, 0xc000_00f3, true),
];

/// That of this name. `None` for one that no machine has that this program runs on.
pub fn find(arch: Arch) -> Option<&'static Abi> {
    ABIS.iter().find(|abi| abi.arch == arch)
}

/// This program's own.
pub const NATIVE: Arch = if cfg!(target_arch = "x86_64") {
    Arch::X86_64
} else if cfg!(target_arch = "x86") {
    Arch::X86
} else if cfg!(target_arch = "aarch64") {
    Arch::Aarch64
} else if cfg!(target_arch = "arm") {
    Arch::Arm
} else if cfg!(target_arch = "riscv64") {
    Arch::Riscv64
} else {
    panic!("no table of system calls for this architecture: see layers/seccomp/syscalls.tbl")
};
