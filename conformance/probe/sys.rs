//! The C library: the calls that the standard library does not offer, and the names of errors.

use std::{
    ffi::{CString, OsStr, c_char, c_int, c_long, c_uint, c_ulong, c_void},
    io::Error,
    os::unix::ffi::OsStrExt,
};

unsafe extern "C" {
    pub fn syscall(number: c_long, ...) -> c_long;
    pub fn fork() -> c_int;
    pub fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    pub fn _exit(code: c_int) -> !;
    pub fn kill(pid: c_int, signal: c_int) -> c_int;
    pub fn signal(signal: c_int, handler: usize) -> usize;
    pub fn sigfillset(set: *mut SigSet) -> c_int;
    pub fn sigprocmask(how: c_int, set: *const SigSet, old: *mut SigSet) -> c_int;
    pub fn sigtimedwait(set: *const SigSet, info: *mut c_void, time: *const i64) -> c_int;
    pub fn sigwaitinfo(set: *const SigSet, info: *mut c_void) -> c_int;
    pub fn setsid() -> c_int;
    pub fn geteuid() -> c_uint;
    pub fn getegid() -> c_uint;
    pub fn getsid(pid: c_int) -> c_int;
    pub fn getpgid(pid: c_int) -> c_int;
    pub fn getresuid(real: *mut c_uint, effective: *mut c_uint, saved: *mut c_uint) -> c_int;
    pub fn getresgid(real: *mut c_uint, effective: *mut c_uint, saved: *mut c_uint) -> c_int;
    pub fn getgroups(size: c_int, list: *mut c_uint) -> c_int;
    pub fn setuid(user: c_uint) -> c_int;
    pub fn setgid(group: c_uint) -> c_int;
    pub fn setgroups(size: usize, list: *const c_uint) -> c_int;
    pub fn umask(mask: c_uint) -> c_uint;
    pub fn gethostname(name: *mut c_char, size: usize) -> c_int;
    pub fn getdomainname(name: *mut c_char, size: usize) -> c_int;
    pub fn sethostname(name: *const c_char, size: usize) -> c_int;
    pub fn getrlimit(which: c_int, limit: *mut [u64; 2]) -> c_int;
    pub fn getrusage(who: c_int, usage: *mut [c_long; 18]) -> c_int;
    pub fn sched_getaffinity(pid: c_int, size: usize, mask: *mut u64) -> c_int;
    pub fn sched_setaffinity(pid: c_int, size: usize, mask: *const u64) -> c_int;
    pub fn sched_setscheduler(pid: c_int, policy: c_int, priority: *const c_int) -> c_int;
    pub fn setpriority(which: c_int, who: c_uint, value: c_int) -> c_int;
    pub fn mknod(path: *const c_char, mode: c_uint, device: c_ulong) -> c_int;
    pub fn llistxattr(path: *const c_char, list: *mut c_void, size: usize) -> isize;
    pub fn lgetxattr(
        path: *const c_char,
        name: *const c_char,
        value: *mut c_void,
        size: usize,
    ) -> isize;
    pub fn lsetxattr(
        path: *const c_char,
        name: *const c_char,
        value: *const c_void,
        size: usize,
        flags: c_int,
    ) -> c_int;
    pub fn mount(
        source: *const c_char,
        target: *const c_char,
        kind: *const c_char,
        flags: c_ulong,
        data: *const c_char,
    ) -> c_int;
    pub fn umount2(target: *const c_char, flags: c_int) -> c_int;
    pub fn chroot(path: *const c_char) -> c_int;
    pub fn unshare(flags: c_int) -> c_int;
    pub fn setns(fd: c_int, kind: c_int) -> c_int;
    pub fn swapon(path: *const c_char, flags: c_int) -> c_int;
    pub fn acct(path: *const c_char) -> c_int;
    pub fn ptrace(request: c_long, ...) -> c_long;
    pub fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
    pub fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    pub fn getifaddrs(list: *mut *mut IfAddrs) -> c_int;
    pub fn freeifaddrs(list: *mut IfAddrs);
    pub fn msgget(key: c_int, flags: c_int) -> c_int;
    pub fn msgctl(id: c_int, command: c_int, ...) -> c_int;
    pub fn semget(key: c_int, count: c_int, flags: c_int) -> c_int;
    pub fn semctl(id: c_int, number: c_int, command: c_int, ...) -> c_int;
    pub fn shmget(key: c_int, size: usize, flags: c_int) -> c_int;
    pub fn shmctl(id: c_int, command: c_int, ...) -> c_int;
    pub fn mq_open(name: *const c_char, flags: c_int, ...) -> c_int;
    pub fn mq_unlink(name: *const c_char) -> c_int;
    fn mmap(
        place: *mut c_void,
        size: usize,
        access: c_int,
        flags: c_int,
        fd: c_int,
        offset: i64,
    ) -> *mut c_void;
}

/// `sigset_t`: 1024 bits in the C library, of which the kernel knows 64.
#[repr(C)]
pub struct SigSet(pub [u64; 16]);

/// `struct ifaddrs`, see getifaddrs(3).
#[repr(C)]
pub struct IfAddrs {
    pub next: *mut IfAddrs,
    pub name: *const c_char,
    pub flags: c_uint,
    pub address: *const u8,
    pub netmask: *const u8,
    pub other: *const u8,
    pub data: *const c_void,
}

/// Past the page cache. See open(2).
#[cfg(target_arch = "x86_64")]
pub const O_DIRECT: c_int = 0o40_000;
#[cfg(not(target_arch = "x86_64"))]
pub const O_DIRECT: c_int = 0o200_000;

/// Numbers of the system calls for which there is no function. See syscalls(2).
pub mod nr {
    use std::ffi::c_long;
    #[cfg(target_arch = "x86_64")]
    mod native {
        pub const FOREIGN: [i64; 12] = [155, 313, 169, 164, 304, 250, 248, 321, 298, 323, 246, 103];
    }
    #[cfg(not(target_arch = "x86_64"))]
    mod native {
        pub const FOREIGN: [i64; 12] = [41, 273, 142, 170, 265, 219, 217, 280, 241, 282, 104, 116];
    }
    pub const PIVOT_ROOT: c_long = native::FOREIGN[0];
    pub const FINIT_MODULE: c_long = native::FOREIGN[1];
    pub const REBOOT: c_long = native::FOREIGN[2];
    pub const SETTIMEOFDAY: c_long = native::FOREIGN[3];
    pub const OPEN_BY_HANDLE_AT: c_long = native::FOREIGN[4];
    pub const KEYCTL: c_long = native::FOREIGN[5];
    pub const ADD_KEY: c_long = native::FOREIGN[6];
    pub const BPF: c_long = native::FOREIGN[7];
    pub const PERF_EVENT_OPEN: c_long = native::FOREIGN[8];
    pub const USERFAULTFD: c_long = native::FOREIGN[9];
    pub const KEXEC_LOAD: c_long = native::FOREIGN[10];
    pub const SYSLOG: c_long = native::FOREIGN[11];
}

/// Memory in huge pages of the size that is usual here, with more flags. See mmap(2).
pub fn map_huge(size: usize, flags: i64) -> Result<&'static mut [u8], Error> {
    const READ_WRITE: c_int = 3;
    const PRIVATE_ANONYMOUS_HUGETLB: i64 = 0x40022;
    let flags = (PRIVATE_ANONYMOUS_HUGETLB | flags) as c_int;
    // SAFETY: new memory, of which nobody else knows and which is never given back.
    unsafe {
        match mmap(std::ptr::null_mut(), size, READ_WRITE, flags, -1, 0) {
            failed if failed as isize == -1 => Err(Error::last_os_error()),
            memory => Ok(std::slice::from_raw_parts_mut(memory.cast(), size)),
        }
    }
}

/// `Ok` unless the call returned -1.
pub fn check(result: impl Into<i64>) -> Result<i64, Error> {
    match result.into() {
        -1 => Err(Error::last_os_error()),
        value => Ok(value),
    }
}

/// A C string. A zero byte inside, which no argument can hold, ends it.
pub fn c_string(text: impl AsRef<OsStr>) -> CString {
    let bytes = text.as_ref().as_bytes().split(|byte| *byte == 0).next().unwrap_or_default();
    CString::new(bytes).unwrap_or_default()
}

/// Rust programs begin with SIGPIPE ignored; the probe reports and behaves as it was started.
pub fn default_sigpipe() {
    // SAFETY: the default action runs no code of ours.
    unsafe { signal(13, 0) };
}

/// The name of an error, as in errno(3).
pub fn error_name(error: &Error) -> String {
    let number = error.raw_os_error().unwrap_or(0);
    match NAMES.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => (*name).to_string(),
        None if number == 0 => error.to_string(),
        None => format!("errno {number}"),
    }
}

const NAMES: [(i32, &str); 47] = [
    (1, "EPERM"),
    (2, "ENOENT"),
    (3, "ESRCH"),
    (4, "EINTR"),
    (5, "EIO"),
    (6, "ENXIO"),
    (7, "E2BIG"),
    (8, "ENOEXEC"),
    (9, "EBADF"),
    (10, "ECHILD"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (14, "EFAULT"),
    (15, "ENOTBLK"),
    (16, "EBUSY"),
    (17, "EEXIST"),
    (18, "EXDEV"),
    (19, "ENODEV"),
    (20, "ENOTDIR"),
    (21, "EISDIR"),
    (22, "EINVAL"),
    (23, "ENFILE"),
    (24, "EMFILE"),
    (25, "ENOTTY"),
    (26, "ETXTBSY"),
    (27, "EFBIG"),
    (28, "ENOSPC"),
    (30, "EROFS"),
    (32, "EPIPE"),
    (36, "ENAMETOOLONG"),
    (38, "ENOSYS"),
    (39, "ENOTEMPTY"),
    (40, "ELOOP"),
    (61, "ENODATA"),
    (87, "EUSERS"),
    (90, "EMSGSIZE"),
    (95, "EOPNOTSUPP"),
    (97, "EAFNOSUPPORT"),
    (98, "EADDRINUSE"),
    (99, "EADDRNOTAVAIL"),
    (101, "ENETUNREACH"),
    (104, "ECONNRESET"),
    (110, "ETIMEDOUT"),
    (111, "ECONNREFUSED"),
    (113, "EHOSTUNREACH"),
    (122, "EDQUOT"),
];
