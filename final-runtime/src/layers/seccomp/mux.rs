//! Two old doors of 32-bit x86: `socketcall` and `ipc`, each of which leads to many calls.
//!
//! Whoever is refused `socket` could still ask `socketcall` for one; and a program that is allowed
//! `socket` may know no other way. So an entry about a call without conditions is also one about
//! the door that leads to it. An entry with conditions is not: behind a door the arguments are in
//! memory, where a filter cannot look. See socketcall(2), ipc(2).

use super::{arch::Abi, rules::Condition};
use crate::spec::seccomp::{Arch, Op};

/// By number: `linux/net.h`, SYS_SOCKET and so on.
const SOCKETCALL: [&str; 20] = [
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];

/// `linux/ipc.h`, SEMOP and so on.
const IPC: [(&str, u64); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

/// Another way to a call.
pub struct Door {
    /// The call that leads there.
    pub call: &'static str,
    /// If this is true.
    pub conditions: Vec<Condition>,
}

/// The other way to the call of this name.
pub fn door(abi: &Abi, name: &str) -> Option<Door> {
    if abi.arch != Arch::X86 {
        return None;
    }
    let first = |mask, value| vec![Condition { index: 0, op: Op::MaskedEq, mask, value }];
    if let Some(place) = SOCKETCALL.iter().position(|call| *call == name) {
        let conditions = first(u64::from(u32::MAX), place as u64 + 1);
        return Some(Door { call: "socketcall", conditions });
    }
    let (_, number) = IPC.iter().find(|(call, _)| *call == name)?;
    // The upper half is the version of the call, which changes how its arguments are read.
    Some(Door { call: "ipc", conditions: first(0xffff, *number) })
}
