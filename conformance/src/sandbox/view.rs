//! What can be seen only by a process within a sandbox's namespaces: names, System V objects, and
//! the firewall.

use std::{
    fs,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

/// Everything, a line for each thing.
pub(super) fn all() -> Vec<String> {
    let mut all = Vec::new();
    for name in ["hostname", "domainname"] {
        let value = fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
        all.push(format!("{name} {}", value.trim_end()));
    }
    for (file, what) in [("msg", "message queue"), ("sem", "semaphores"), ("shm", "shared memory")]
    {
        let table = fs::read_to_string(format!("/proc/sysvipc/{file}")).unwrap_or_default();
        let keys = table.lines().skip(1).filter_map(|line| line.split_whitespace().next());
        all.extend(keys.map(|key| format!("System V {what} with key {key}")));
    }
    all.extend(firewall());
    all
}

// See linux/netfilter/nf_tables.h. A rule's attributes begin as a table's do.
const GET_TABLE: u8 = 1;
const GET_CHAIN: u8 = 4;
const GET_RULE: u8 = 7;

/// Tables, chains and rules of nftables. Nothing where the kernel has no such.
fn firewall() -> Vec<String> {
    [(GET_TABLE, "table"), (GET_CHAIN, "chain"), (GET_RULE, "rule")]
        .into_iter()
        .flat_map(|(get, what)| {
            let objects = dump(get).unwrap_or_default();
            objects.into_iter().map(move |object| format!("nftables {what} {object}"))
        })
        .collect()
}

/// Asks for all objects of a kind, see netlink(7) and nfnetlink in the kernel's documentation.
/// Each object is told by its first three attributes: the names that it stands under, or numbers.
fn dump(get: u8) -> nix::Result<Vec<String>> {
    const NFTABLES: u8 = 10;
    const REQUEST_DUMP: u16 = 0x301;
    let protocol = SockProtocol::NetlinkNetFilter;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    let mut message = Vec::new();
    message.extend(20u32.to_ne_bytes()); // length: this header and an nfgenmsg
    message.extend([get, NFTABLES]);
    message.extend(REQUEST_DUMP.to_ne_bytes());
    message.extend([0; 8]); // sequence, port
    message.extend([0; 4]); // nfgenmsg: of every family
    sendto(socket.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    answers(&socket)
}

fn answers(socket: &OwnedFd) -> nix::Result<Vec<String>> {
    const DONE: u16 = 3;
    const ERROR: u16 = 2;
    let mut objects = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let mut rest = &buffer[..count];
        while let (Some(length), Some(kind)) = (u32_at(rest, 0), u16_at(rest, 4)) {
            if kind == DONE || kind == ERROR {
                return Ok(objects);
            }
            let message = rest.get(..length as usize).unwrap_or_default();
            objects.push(attributes(message.get(20..).unwrap_or_default()));
            rest = rest.get(align(length as usize)..).unwrap_or_default();
        }
    }
}

/// Attributes 1 to 3 in words.
fn attributes(mut bytes: &[u8]) -> String {
    let mut words = Vec::new();
    while let (Some(length), Some(kind)) = (u16_at(bytes, 0), u16_at(bytes, 2)) {
        let value = bytes.get(4..length.into()).unwrap_or_default();
        match (kind, value) {
            (1..=3, [text @ .., 0]) if text.iter().all(u8::is_ascii_graphic) => {
                words.push(String::from_utf8_lossy(text).into_owned());
            }
            (1..=3, number) => {
                let digits = number.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
                words.push(digits.to_string());
            }
            _ => {}
        }
        bytes = bytes.get(align(length.into())..).unwrap_or_default();
        if length == 0 {
            break;
        }
    }
    words.join(" ")
}

fn align(length: usize) -> usize {
    (length + 3) & !3
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}
