//! `linux.memoryPolicy`: on which nodes of a machine with several memory is had. See
//! set_mempolicy(2), numa(7).

use anyhow::{Context, Result};
use nix::errno::Errno;
use step07::{Explain, Layer};

use super::affinity::numbers;
use crate::spec::{self, MemoryPolicyFlag as Flag, MemoryPolicyMode as Mode};

/// The layer that sets it.
pub struct MemoryPolicy {
    mode: libc::c_int,
    nodes: Vec<libc::c_ulong>,
    shown: String,
}

impl MemoryPolicy {
    /// As asked for.
    pub fn new(asked: &spec::MemoryPolicy) -> Result<Self> {
        let mode = match asked.mode {
            Mode::MpolDefault => 0,
            Mode::MpolPreferred => 1,
            Mode::MpolBind => 2,
            Mode::MpolInterleave => 3,
            Mode::MpolLocal => 4,
            Mode::MpolPreferredMany => 5,
            Mode::MpolWeightedInterleave => 6,
        };
        let flag = |flag: &Flag| match flag {
            Flag::StaticNodes => 1 << 15,
            Flag::RelativeNodes => 1 << 14,
            Flag::NumaBalancing => 1 << 13,
        };
        let list = asked.nodes.as_deref().unwrap_or_default();
        let at = "spec: linux.memoryPolicy.nodes";
        let wanted = if list.is_empty() { Vec::new() } else { numbers(list).context(at)? };
        let bits = libc::c_ulong::BITS as usize;
        let mut nodes = vec![0; wanted.iter().max().map_or(0, |most| most / bits + 1)];
        wanted.iter().for_each(|number| nodes[number / bits] |= 1 << (number % bits));
        let mode = asked.flags.iter().map(flag).fold(mode, |mode, flag| mode | flag);
        Ok(Self { mode, nodes, shown: format!("{:?} {list}", asked.mode) })
    }
}

impl Layer for MemoryPolicy {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        let Self { mode, nodes, shown } = self;
        // The kernel takes one bit fewer than it is told.
        let bits =
            if nodes.is_empty() { 0 } else { nodes.len() * libc::c_ulong::BITS as usize + 1 };
        let mask = if nodes.is_empty() { std::ptr::null() } else { nodes.as_ptr() };
        explain
            .act(
                format_args!("numactl  # {shown}"),
                format_args!("setting the memory policy {shown}"),
                || {
                    // SAFETY: the kernel reads `bits` bits of the mask.
                    Errno::result(unsafe {
                        libc::syscall(libc::SYS_set_mempolicy, *mode, mask, bits)
                    })
                },
            )
            .map(drop)
    }
}
