//! Interfaces, addresses, routes. See getifaddrs(3), proc_pid_net(5).

use std::{
    collections::BTreeMap,
    ffi::CStr,
    fs,
    io::Error,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::Part;
use crate::{json::Json, sys};

pub const PARTS: &[Part] = &[("interfaces", interfaces), ("routes", routes)];

/// Interfaces by name: flags, hardware address, addresses with the length of their prefix.
fn interfaces() -> Json {
    struct Interface {
        flags: u32,
        hardware: Option<String>,
        addresses: Vec<String>,
    }
    let mut found: BTreeMap<String, Interface> = BTreeMap::new();
    let mut list = std::ptr::null_mut();
    // SAFETY: the list is what getifaddrs(3) says, and is freed once, after the last look.
    unsafe {
        if sys::getifaddrs(&raw mut list) != 0 {
            return Json::from(sys::error_name(&Error::last_os_error()));
        }
        let mut next = list;
        while let Some(one) = next.as_ref() {
            let name = CStr::from_ptr(one.name).to_string_lossy().into_owned();
            let entry = found.entry(name).or_insert_with(|| Interface {
                flags: one.flags,
                hardware: None,
                addresses: Vec::new(),
            });
            match address(one.address, one.netmask) {
                Some(Address::Ip(text)) => entry.addresses.push(text),
                Some(Address::Hardware(text)) => entry.hardware = Some(text),
                None => {}
            }
            next = one.next;
        }
        sys::freeifaddrs(list);
    }
    Json::map(found.into_iter().map(|(name, interface)| {
        let value = Json::map([
            ("up", (interface.flags & 1 != 0).into()),
            ("running", (interface.flags & 0x40 != 0).into()),
            ("loopback", (interface.flags & 8 != 0).into()),
            ("hardware", interface.hardware.into()),
            ("addresses", Json::list(interface.addresses)),
        ]);
        (name, value)
    }))
}

enum Address {
    Ip(String),
    Hardware(String),
}

/// Reads a `sockaddr` and its netmask. See ip(7), ipv6(7), packet(7).
///
/// # Safety
/// Both are null or point to a `sockaddr` as long as its family says.
unsafe fn address(address: *const u8, netmask: *const u8) -> Option<Address> {
    // SAFETY: as promised; the offsets are those of the structures named below.
    unsafe {
        if address.is_null() {
            return None;
        }
        let bytes = |from: *const u8, offset: usize, length: usize| {
            std::slice::from_raw_parts(from.add(offset), length)
        };
        let prefix = |offset, length| match netmask.is_null() {
            true => 0,
            false => bytes(netmask, offset, length).iter().map(|byte| byte.count_ones()).sum(),
        };
        match address.cast::<u16>().read() {
            2 => {
                let ip: [u8; 4] = bytes(address, 4, 4).try_into().ok()?; // sockaddr_in
                let prefix: u32 = prefix(4, 4);
                Some(Address::Ip(format!("{}/{prefix}", Ipv4Addr::from(ip))))
            }
            10 => {
                let ip: [u8; 16] = bytes(address, 8, 16).try_into().ok()?; // sockaddr_in6
                let prefix: u32 = prefix(8, 16);
                Some(Address::Ip(format!("{}/{prefix}", Ipv6Addr::from(ip))))
            }
            17 => {
                let hardware = bytes(address, 12, 6); // sockaddr_ll
                let hex: Vec<_> = hardware.iter().map(|byte| format!("{byte:02x}")).collect();
                Some(Address::Hardware(hex.join(":")))
            }
            _ => None,
        }
    }
}

/// The IPv4 routes. See proc_pid_net(5): addresses are hexadecimal in the machine's byte order.
fn routes() -> Json {
    let Ok(text) = fs::read_to_string("/proc/net/route") else { return Json::Null };
    let ip = |hex: &str| {
        let number = u32::from_str_radix(hex, 16).unwrap_or_default();
        Ipv4Addr::from(number.to_ne_bytes())
    };
    Json::list(text.lines().skip(1).filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let mask = u32::from_str_radix(words.get(7)?, 16).ok()?;
        Some(Json::map([
            ("interface", Json::from(*words.first()?)),
            ("destination", format!("{}/{}", ip(words.get(1)?), mask.count_ones()).into()),
            ("gateway", ip(words.get(2)?).to_string().into()),
        ]))
    }))
}
