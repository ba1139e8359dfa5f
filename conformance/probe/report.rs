//! `report [PART]…`: what the probe sees from inside, as one JSON object.
//!
//! Without arguments every part. `file:PATH` adds the content of a file, `stat:PATH` what stat(2)
//! says of it. A part that cannot be seen (no `/proc`, say) is null.

use std::{
    collections::BTreeMap,
    ffi::{CStr, OsString, c_char},
    fs,
    io::Error,
    net::{Ipv4Addr, Ipv6Addr},
    os::unix::ffi::OsStrExt,
    process::ExitCode,
};

use crate::{Result, files, json::Json, sys};

type Part = (&'static str, fn() -> Json);

const PARTS: [Part; 36] = [
    ("hostname", hostname),
    ("domainname", domainname),
    ("pid", || std::process::id().into()),
    ("ppid", || std::os::unix::process::parent_id().into()),
    ("session", || i64_of(unsafe { sys::getsid(0) })),
    ("process_group", || i64_of(unsafe { sys::getpgid(0) })),
    ("processes", processes),
    ("namespaces", namespaces),
    ("mounts", mounts),
    ("cwd", || std::env::current_dir().ok().map(|dir| Json::from(dir.as_os_str())).into()),
    ("args", || Json::list(std::env::args_os().map(|arg| Json::from(arg.as_os_str())))),
    ("env", env),
    ("uid", || ids(sys::getresuid)),
    ("gid", || ids(sys::getresgid)),
    ("groups", groups),
    ("uid_map", || id_map("/proc/self/uid_map")),
    ("gid_map", || id_map("/proc/self/gid_map")),
    ("setgroups", || line("/proc/self/setgroups")),
    ("capabilities", capabilities),
    ("no_new_privs", || status_number("NoNewPrivs", 10)),
    ("seccomp", || status_number("Seccomp", 10)),
    ("signals_blocked", || signals("SigBlk")),
    ("signals_ignored", || signals("SigIgn")),
    ("interfaces", interfaces),
    ("routes", routes),
    ("cgroup", || lines("/proc/self/cgroup")),
    ("cgroup_dir", || files::names("/sys/fs/cgroup")),
    ("rlimits", rlimits),
    ("fds", fds),
    ("umask", umask),
    ("tty", tty),
    ("affinity", affinity),
    ("oom_score_adj", || line("/proc/self/oom_score_adj")),
    ("dev", dev),
    ("apparmor", || line("/proc/self/attr/current")),
    ("stdio", || Json::list((0..3).map(|fd| link(&format!("/proc/self/fd/{fd}"))))),
];

pub fn run(args: &[OsString]) -> Result<ExitCode> {
    let mut entries = Vec::new();
    for (name, look) in PARTS {
        let wanted = |arg: &&OsString| !arg.as_bytes().contains(&b':');
        if args.iter().find(wanted).is_none() || args.iter().any(|arg| arg == name) {
            entries.push((name.to_string(), look()));
        }
    }
    for arg in args {
        let word = arg.to_string_lossy().into_owned();
        if let Some(path) = word.strip_prefix("file:") {
            let content = fs::read(path)
                .map_or_else(|e| Json::from(sys::error_name(&e)), |c| Json::bytes(&c));
            entries.push((word, content));
        } else if let Some(path) = word.strip_prefix("stat:") {
            let stat =
                files::stat(path.as_ref()).unwrap_or_else(|e| Json::from(sys::error_name(&e)));
            entries.push((word.clone(), stat));
        } else if !PARTS.iter().any(|(name, _)| *name == word) {
            return Err(format!("the report has no part {word}"));
        }
    }
    println!("{}", Json::Map(entries));
    Ok(ExitCode::SUCCESS)
}

fn i64_of(number: i32) -> Json {
    number.into()
}

/// A file of one line.
fn line(path: &str) -> Json {
    fs::read_to_string(path).ok().map(|text| text.trim().to_string()).into()
}

fn lines(path: &str) -> Json {
    match fs::read_to_string(path) {
        Ok(text) => Json::list(text.lines()),
        Err(_) => Json::Null,
    }
}

fn link(path: &str) -> Json {
    fs::read_link(path).ok().map(|target| Json::from(target.as_os_str())).into()
}

fn hostname() -> Json {
    c_name(sys::gethostname)
}

fn domainname() -> Json {
    c_name(sys::getdomainname)
}

fn c_name(get: unsafe extern "C" fn(*mut c_char, usize) -> i32) -> Json {
    let mut buffer = [0 as c_char; 256];
    // SAFETY: the call writes a string of at most that size, zero included.
    let text = unsafe {
        sys::check(get(buffer.as_mut_ptr(), buffer.len()))
            .ok()
            .map(|_| CStr::from_ptr(buffer.as_ptr()))
    };
    text.map(|text| Json::bytes(text.to_bytes())).into()
}

/// All processes that `/proc` shows: number, then name.
fn processes() -> Json {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        found.insert(pid, line(&format!("/proc/{pid}/comm")));
    }
    Json::map(found.into_iter().map(|(pid, name)| (pid.to_string(), name)))
}

/// See namespaces(7): the links name the inode, which tells two namespaces apart.
fn namespaces() -> Json {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/ns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        found.insert(name.clone(), link(&format!("/proc/self/ns/{name}")));
    }
    Json::map(found)
}

/// See proc_pid_mountinfo(5).
fn mounts() -> Json {
    let Ok(text) = fs::read_to_string("/proc/self/mountinfo") else { return Json::Null };
    Json::list(text.lines().filter_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mount: Vec<_> = mount.split(' ').collect();
        let filesystem: Vec<_> = filesystem.split(' ').collect();
        let word = |words: &[&str], index: usize| Json::from(words.get(index).copied());
        let options = |words: &[&str], index: usize| {
            Json::list(words.get(index).copied().unwrap_or_default().split(','))
        };
        Some(Json::map([
            ("id", word(&mount, 0)),
            ("parent", word(&mount, 1)),
            ("device", word(&mount, 2)),
            ("root", word(&mount, 3)),
            ("target", word(&mount, 4)),
            ("options", options(&mount, 5)),
            ("propagation", Json::list(mount.get(6..).unwrap_or_default().iter().copied())),
            ("type", word(&filesystem, 0)),
            ("source", word(&filesystem, 1)),
            ("super_options", options(&filesystem, 2)),
        ]))
    }))
}

fn env() -> Json {
    let mut all: Vec<_> = std::env::vars_os().collect();
    all.sort();
    Json::map(
        all.into_iter().map(|(name, value)| {
            (name.to_string_lossy().into_owned(), Json::from(value.as_os_str()))
        }),
    )
}

fn ids(get: unsafe extern "C" fn(*mut u32, *mut u32, *mut u32) -> i32) -> Json {
    let (mut real, mut effective, mut saved) = (0, 0, 0);
    // SAFETY: the call writes the three numbers.
    unsafe { get(&raw mut real, &raw mut effective, &raw mut saved) };
    Json::map(
        [("real", real), ("effective", effective), ("saved", saved)].map(|(n, id)| (n, id.into())),
    )
}

fn groups() -> Json {
    let mut list = vec![0; 65536];
    // SAFETY: the list is as long as is said.
    match sys::check(unsafe { sys::getgroups(65536, list.as_mut_ptr()) }) {
        Ok(count) => Json::list(list.into_iter().take(count as usize)),
        Err(_) => Json::Null,
    }
}

/// Lines of three numbers: first id inside, first id outside, how many.
fn id_map(path: &str) -> Json {
    let Ok(text) = fs::read_to_string(path) else { return Json::Null };
    let numbers = |line: &str| {
        Json::list(line.split_whitespace().filter_map(|word| word.parse::<u64>().ok()))
    };
    Json::list(text.lines().map(numbers))
}

/// A line of `/proc/self/status`, see proc_pid_status(5).
fn status(name: &str) -> Option<String> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(value.trim().to_string())
}

fn status_number(name: &str, radix: u32) -> Json {
    status(name).and_then(|text| u64::from_str_radix(&text, radix).ok()).into()
}

/// The five sets, each a number in which bit N stands for capability N. See capabilities(7).
fn capabilities() -> Json {
    Json::map(
        [
            ("inheritable", "CapInh"),
            ("permitted", "CapPrm"),
            ("effective", "CapEff"),
            ("bounding", "CapBnd"),
            ("ambient", "CapAmb"),
        ]
        .map(|(name, field)| (name, status_number(field, 16))),
    )
}

/// The numbers of the signals in a mask.
fn signals(field: &str) -> Json {
    match status(field).and_then(|text| u64::from_str_radix(&text, 16).ok()) {
        Some(mask) => Json::list((1..=64u32).filter(|number| mask & 1 << (number - 1) != 0)),
        None => Json::Null,
    }
}

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

/// Soft and hard limits by name; null is no limit. See getrlimit(2).
fn rlimits() -> Json {
    const LIMITS: [&str; 16] = [
        "cpu",
        "fsize",
        "data",
        "stack",
        "core",
        "rss",
        "nproc",
        "nofile",
        "memlock",
        "as",
        "locks",
        "sigpending",
        "msgqueue",
        "nice",
        "rtprio",
        "rttime",
    ];
    Json::map((0i32..).zip(LIMITS).map(|(which, name)| {
        let mut limit = [0; 2];
        // SAFETY: the call writes the two numbers.
        unsafe { sys::getrlimit(which, &raw mut limit) };
        let finite = |number: u64| (number != u64::MAX).then_some(number);
        (name, Json::list(limit.map(|number| Json::from(finite(number)))))
    }))
}

/// Open descriptors, without the one by which they are read.
fn fds() -> Json {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd").into_iter().flatten().flatten() {
        if let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            if !target.starts_with("/proc") || !target.ends_with("fd") {
                found.insert(number, Json::from(target.as_os_str()));
            }
        }
    }
    Json::map(found.into_iter().map(|(number, target)| (number.to_string(), target)))
}

fn umask() -> Json {
    // SAFETY: it takes a number and returns the one before.
    let mask = unsafe { sys::umask(0o22) };
    // SAFETY: as above.
    unsafe { sys::umask(mask) };
    format!("{mask:04o}").into()
}

/// The controlling terminal's device number, 0 if there is none. See proc_pid_stat(5).
fn tty() -> Json {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let words = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace());
    words.and_then(|mut words| words.nth(4)?.parse::<i32>().ok()).into()
}

/// The processors that this process may run on.
fn affinity() -> Json {
    let mut mask = [0u64; 16];
    // SAFETY: the mask is as long as is said.
    match sys::check(unsafe { sys::sched_getaffinity(0, size_of_val(&mask), mask.as_mut_ptr()) }) {
        Ok(_) => {
            Json::list((0..1024u32).filter(|cpu| mask[*cpu as usize / 64] >> (cpu % 64) & 1 == 1))
        }
        Err(_) => Json::Null,
    }
}

/// Everything directly in `/dev`.
fn dev() -> Json {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/dev").into_iter().flatten().flatten() {
        if let Ok(stat) = files::stat(entry.path().as_os_str()) {
            found.insert(entry.file_name().to_string_lossy().into_owned(), stat);
        }
    }
    Json::map(found)
}
