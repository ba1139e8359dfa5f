//! The numbers of system calls, by architecture and name: `syscalls.tbl`.

use super::arch::{ABIS, Abi};

/// The table, as lines that are found by halves.
pub struct Numbers(Vec<&'static str>);

impl Numbers {
    /// Reads the table's lines, not yet what is in them: most of it nobody asks for.
    pub fn new() -> Self {
        let lines = include_str!("syscalls.tbl").lines();
        Self(lines.filter(|line| !line.starts_with('#')).collect())
    }

    /// The number of the call of this name, with the architecture's own bit; `None` if it has none.
    pub fn find(&self, abi: &Abi, name: &str) -> Option<u32> {
        let line = self.0.binary_search_by_key(&name, |line| first_word(line)).ok()?;
        let column = ABIS.iter().position(|known| known == abi)?;
        let number: u32 = self.0[line].split(' ').nth(1 + column)?.parse().ok()?;
        Some(number | abi.bit)
    }

    /// Whether any architecture has a call of this name.
    #[cfg(test)]
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|line| first_word(line))
    }
}

fn first_word(line: &'static str) -> &'static str {
    line.split(' ').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{super::arch, *};
    use crate::spec::seccomp::Arch;

    #[test]
    fn the_table_is_sorted_and_says_what_the_kernel_does() {
        let numbers = Numbers::new();
        assert!(numbers.0.is_sorted_by_key(|line| first_word(line)), "it is searched by halves");
        assert!(numbers.0.iter().all(|line| line.split(' ').count() == 1 + ABIS.len()));
        let find = |arch, name| numbers.find(arch::find(arch).expect("it has a table"), name);
        assert_eq!(find(Arch::X86_64, "read"), Some(0));
        assert_eq!(find(Arch::X86, "read"), Some(3));
        assert_eq!(find(Arch::X32, "execve"), Some(0x4000_0000 + 520));
        assert_eq!(find(Arch::Arm, "cacheflush"), Some(0xf_0002));
        assert_eq!(find(Arch::Aarch64, "open"), None);
        assert_eq!(find(Arch::Riscv64, "openat"), Some(56));
        assert_eq!(find(Arch::X86_64, "no_such_call"), None);
        let own = arch::find(arch::NATIVE).expect("it has a table");
        let known =
            [("clone3", libc::SYS_clone3), ("seccomp", libc::SYS_seccomp), ("bpf", libc::SYS_bpf)];
        for (name, number) in known {
            assert_eq!(numbers.find(own, name).map(i64::from), Some(number), "{name}");
        }
    }
}
