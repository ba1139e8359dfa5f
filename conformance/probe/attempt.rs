//! `try WHAT[=ARG]…`: does what ought to be impossible, and tells how it was refused.
//!
//! Prints a map: each WHAT as it was given → `ok`, or the name of the error. Each is tried in a
//! child of its own, so that one that succeeds does not help the next; a child that was killed
//! (by a seccomp filter, say) gives `signal N`. Where success would harm the machine the call is
//! made with a second fault, so that a refusal (EPERM) can be told from the right to do it (the
//! error that stands in brackets below).

use std::{
    ffi::{CString, OsString},
    fs::{self, File, OpenOptions},
    io::Error,
    net::TcpListener,
    os::fd::AsRawFd,
    path::Path,
    process::ExitCode,
    ptr::null,
};

use crate::{Result, json::Json, sys};

/// `Ok` if it could be done.
type Attempt = std::result::Result<(), Error>;

pub fn run(args: &[OsString]) -> Result<ExitCode> {
    let mut entries = Vec::new();
    for arg in args {
        let what = arg.to_str().ok_or("what to try is not UTF-8")?;
        entries.push((what.to_string(), Json::from(in_a_child(what)?)));
    }
    println!("{}", Json::Map(entries));
    Ok(ExitCode::SUCCESS)
}

/// Tries it in a child. The errno comes back as the child's exit code.
fn in_a_child(what: &str) -> Result<String> {
    let (name, argument) = what.split_once('=').unwrap_or((what, ""));
    let attempt = find(name).ok_or_else(|| format!("nobody knows how to try {name}"))?;
    // SAFETY: this process has one thread; the status outlives the call that writes it.
    let status = unsafe {
        let mut status = 0;
        match sys::fork() {
            0 => sys::_exit(match attempt(argument) {
                Ok(()) => 0,
                Err(error) => error.raw_os_error().unwrap_or(255),
            }),
            child => sys::waitpid(child, &raw mut status, 0),
        };
        status
    };
    Ok(match (status & 0x7f, status >> 8 & 0xff) {
        (0, 0) => "ok".into(),
        (0, errno) => sys::error_name(&Error::from_raw_os_error(errno)),
        (signal, _) => format!("signal {signal}"),
    })
}

fn find(name: &str) -> Option<fn(&str) -> Attempt> {
    Some(match name {
        "mknod" => mknod,
        "mount-tmpfs" => mount_tmpfs,
        "mount" => mount,
        "remount-rw" => remount_rw,
        "umount" => umount,
        "pivot_root" => pivot_root,
        "chroot-escape" => chroot_escape,
        "walk-up" => walk_up,
        "read-proc-1-root" => read_proc_1_root,
        "read" => read,
        "open-write" => open_write,
        "create" => create,
        "open-by-handle" => open_by_handle,
        "load-module" => load_module,
        "settime" => settime,
        "reboot" => reboot,
        "swapon" => swapon,
        "kexec" => kexec,
        "acct" => acct,
        "syslog" => syslog,
        "kill" => kill,
        "ptrace" => ptrace,
        "sethostname" => sethostname,
        "unshare" => unshare,
        "setns" => setns,
        "setuid" => setuid,
        "setgid" => setgid,
        "setgroups" => setgroups,
        "nice" => nice,
        "realtime" => realtime,
        "tiocsti" => tiocsti,
        "socket-raw" => |_| socket(2, 3, 1),
        "socket-packet" => |_| socket(17, 3, 0),
        "socket-alg" => |_| socket(38, 5, 0),
        "socket-vsock" => |_| socket(40, 1, 0),
        "bind" => bind,
        "keyctl" => keyctl,
        "bpf" => bpf,
        "perf" => perf,
        "userfaultfd" => userfaultfd,
        _ => return None,
    })
}

fn done(result: impl Into<i64>) -> Attempt {
    sys::check(result).map(drop)
}

fn or<'a>(argument: &'a str, default: &'a str) -> &'a str {
    if argument.is_empty() { default } else { argument }
}

fn path(argument: &str) -> CString {
    sys::c_string(argument)
}

/// Makes the device of the machine's memory and opens it. ARG: where; `/tmp/probe-node`.
fn mknod(argument: &str) -> Attempt {
    let place = or(argument, "/tmp/probe-node");
    // SAFETY: the path lives through the call.
    done(unsafe { sys::mknod(path(place).as_ptr(), 0o020_666, 1 << 8 | 1) })?;
    let opened = File::open(place).map(drop);
    fs::remove_file(place).and(opened)
}

/// ARG: where; `/tmp`.
fn mount_tmpfs(argument: &str) -> Attempt {
    mount(&format!("tmpfs,{}", or(argument, "/tmp")))
}

/// ARG: `TYPE,DIRECTORY` or `TYPE,DIRECTORY,OPTIONS`. Taken away again.
fn mount(argument: &str) -> Attempt {
    let words: Vec<_> = argument.splitn(3, ',').map(path).collect();
    let [kind, target, options @ ..] = &words[..] else {
        return Err(Error::from_raw_os_error(22));
    };
    let data = options.first().map_or(null(), |options| options.as_ptr());
    // SAFETY: the strings live through the calls.
    unsafe {
        done(sys::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, data.cast()))?;
        done(sys::umount2(target.as_ptr(), 2))
    }
}

/// Makes a read-only mount writable. ARG: where.
fn remount_rw(argument: &str) -> Attempt {
    const BIND_REMOUNT: std::ffi::c_ulong = 4096 | 32;
    // SAFETY: the path lives through the call.
    done(unsafe { sys::mount(null(), path(argument).as_ptr(), null(), BIND_REMOUNT, null()) })
}

/// ARG: where.
fn umount(argument: &str) -> Attempt {
    // SAFETY: the path lives through the call.
    done(unsafe { sys::umount2(path(argument).as_ptr(), 2) })
}

/// ARG: the new root; the present one.
fn pivot_root(argument: &str) -> Attempt {
    let place = path(or(argument, "/"));
    // SAFETY: the path lives through the call.
    done(unsafe { sys::syscall(sys::nr::PIVOT_ROOT, place.as_ptr(), place.as_ptr()) })
}

/// A new root below the working directory, which then is no longer below the root: from there
/// `..` leads all the way up. ARG: a path that is only outside, which is then looked for.
fn chroot_escape(argument: &str) -> Attempt {
    let below = ["/tmp/probe-jail", "/dev/shm/probe-jail", "/probe-jail"];
    let made = below.into_iter().find(|dir| fs::create_dir_all(dir).is_ok());
    let below = made.unwrap_or("/proc");
    // SAFETY: the path lives through the call.
    let jailed = done(unsafe { sys::chroot(path(below).as_ptr()) });
    jailed?;
    let found = walk_up(argument);
    let _ = fs::remove_dir(".");
    found
}

/// `..` many times over. ARG: a path that is only outside, which is then looked for.
fn walk_up(argument: &str) -> Attempt {
    for _ in 0..64 {
        std::env::set_current_dir("..")?;
    }
    // SAFETY: the path lives through the call.
    let _ = done(unsafe { sys::chroot(c".".as_ptr()) });
    Path::new(argument.trim_start_matches('/')).symlink_metadata().map(drop)
}

/// ARG: a path that is only outside.
fn read_proc_1_root(argument: &str) -> Attempt {
    read(&format!("/proc/1/root/{}", argument.trim_start_matches('/')))
}

/// ARG: the path.
fn read(argument: &str) -> Attempt {
    if Path::new(argument).is_dir() {
        fs::read_dir(argument).map(drop)
    } else {
        fs::read(argument).map(drop)
    }
}

/// Opens for writing, and writes nothing. ARG: the path.
fn open_write(argument: &str) -> Attempt {
    OpenOptions::new().write(true).open(argument).map(drop)
}

/// Makes a file that was not there, and removes it. ARG: the path.
fn create(argument: &str) -> Attempt {
    OpenOptions::new().write(true).create_new(true).open(argument)?;
    fs::remove_file(argument)
}

/// Opens the root directory of the file system that the working directory is on, by its inode
/// number, past all mounts. See open_by_handle_at(2).
fn open_by_handle(_: &str) -> Attempt {
    #[repr(C)]
    struct Handle {
        size: u32,
        kind: i32,
        inode: u32,
        generation: u32,
    }
    let handle = Handle { size: 8, kind: 1, inode: 2, generation: 0 };
    let dir = File::open(".")?;
    // SAFETY: the handle is as long as it says.
    done(unsafe { sys::syscall(sys::nr::OPEN_BY_HANDLE_AT, dir.as_raw_fd(), &raw const handle, 0) })
}

/// [EBADF]
fn load_module(_: &str) -> Attempt {
    // SAFETY: the descriptor is none.
    done(unsafe { sys::syscall(sys::nr::FINIT_MODULE, -1, c"".as_ptr(), 0) })
}

/// Sets no time, but an impossible time zone. [EINVAL]
fn settime(_: &str) -> Attempt {
    let zone = [100_000i32, 0];
    // SAFETY: a time zone is two numbers.
    done(unsafe { sys::syscall(sys::nr::SETTIMEOFDAY, null::<u8>(), zone.as_ptr()) })
}

/// With a wrong magic number. [EINVAL]
fn reboot(_: &str) -> Attempt {
    // SAFETY: it takes numbers, of which the second is wrong.
    done(unsafe { sys::syscall(sys::nr::REBOOT, 0xfee1_dead_u32, 1, 0, 0) })
}

/// Of a file that is not there. [ENOENT]
fn swapon(_: &str) -> Attempt {
    // SAFETY: the path is static.
    done(unsafe { sys::swapon(c"/probe-no-such-file".as_ptr(), 0) })
}

/// With an impossible number of segments. [EINVAL]
fn kexec(_: &str) -> Attempt {
    // SAFETY: it refuses before it reads anything.
    done(unsafe { sys::syscall(sys::nr::KEXEC_LOAD, 0, 10_000, null::<u8>(), 0) })
}

/// To a file that is not there. [ENOENT]
fn acct(_: &str) -> Attempt {
    // SAFETY: the path is static.
    done(unsafe { sys::acct(c"/probe-no-such-file".as_ptr()) })
}

/// Asks for the size of the kernel's log.
fn syslog(_: &str) -> Attempt {
    // SAFETY: this command reads no buffer.
    done(unsafe { sys::syscall(sys::nr::SYSLOG, 9, null::<u8>(), 0) })
}

/// ARG: `PID` (signal 0: only whether it could be sent) or `PID,SIGNAL`.
fn kill(argument: &str) -> Attempt {
    let (pid, signal) = argument.split_once(',').unwrap_or((argument, "0"));
    let numbers = (pid.parse(), signal.parse());
    let (Ok(pid), Ok(signal)) = numbers else { return Err(Error::from_raw_os_error(22)) };
    // SAFETY: it takes numbers.
    done(unsafe { sys::kill(pid, signal) })
}

/// ARG: the process.
fn ptrace(argument: &str) -> Attempt {
    const SEIZE: std::ffi::c_long = 0x4206;
    let pid: i32 = argument.parse().map_err(|_| Error::from_raw_os_error(22))?;
    // SAFETY: it takes numbers; the tracer's end lets go of the process.
    done(unsafe { sys::ptrace(SEIZE, pid, 0usize, 0usize) })
}

/// ARG: the name; what it is already.
fn sethostname(argument: &str) -> Attempt {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = or(argument, name.trim());
    // SAFETY: the name is as long as is said.
    done(unsafe { sys::sethostname(name.as_ptr().cast(), name.len()) })
}

/// ARG: the kind of namespace, as in `/proc/self/ns`.
fn unshare(argument: &str) -> Attempt {
    let flag = match argument {
        "user" => 0x1000_0000,
        "mnt" => 0x0002_0000,
        "uts" => 0x0400_0000,
        "ipc" => 0x0800_0000,
        "pid" => 0x2000_0000,
        "net" => 0x4000_0000,
        "cgroup" => 0x0200_0000,
        "time" => 0x0000_0080,
        _ => return Err(Error::from_raw_os_error(22)),
    };
    // SAFETY: it takes a number.
    done(unsafe { sys::unshare(flag) })
}

/// ARG: the file of the namespace.
fn setns(argument: &str) -> Attempt {
    let file = File::open(argument)?;
    // SAFETY: it takes numbers.
    done(unsafe { sys::setns(file.as_raw_fd(), 0) })
}

fn id(argument: &str) -> std::result::Result<u32, Error> {
    argument.parse().map_err(|_| Error::from_raw_os_error(22))
}

/// ARG: the user.
fn setuid(argument: &str) -> Attempt {
    // SAFETY: it takes a number.
    done(unsafe { sys::setuid(id(argument)?) })
}

/// ARG: the group.
fn setgid(argument: &str) -> Attempt {
    // SAFETY: it takes a number.
    done(unsafe { sys::setgid(id(argument)?) })
}

/// ARG: the one supplementary group.
fn setgroups(argument: &str) -> Attempt {
    let group = id(argument)?;
    // SAFETY: a list of one.
    done(unsafe { sys::setgroups(1, &raw const group) })
}

/// To be nicer to oneself than to others.
fn nice(_: &str) -> Attempt {
    // SAFETY: it takes numbers.
    done(unsafe { sys::setpriority(0, 0, -20) })
}

fn realtime(_: &str) -> Attempt {
    let priority = 1;
    // SAFETY: `sched_param` is one number.
    done(unsafe { sys::sched_setscheduler(0, 1, &raw const priority) })
}

/// Types a character for whoever reads the terminal next.
fn tiocsti(_: &str) -> Attempt {
    // SAFETY: the kernel reads one byte.
    done(unsafe { sys::ioctl(0, 0x5412, c"x".as_ptr()) })
}

fn socket(domain: i32, kind: i32, protocol: i32) -> Attempt {
    // SAFETY: it takes numbers.
    done(unsafe { sys::socket(domain, kind, protocol) })
}

/// ARG: the TCP port.
fn bind(argument: &str) -> Attempt {
    TcpListener::bind(format!("0.0.0.0:{argument}")).map(drop)
}

/// Adds a key to the session's keyring.
fn keyctl(_: &str) -> Attempt {
    // SAFETY: the strings are static, the key is one byte.
    unsafe {
        let (kind, name, key) = (c"user".as_ptr(), c"probe".as_ptr(), c"x".as_ptr());
        done(sys::syscall(sys::nr::KEYCTL, 0, -3, 0))?;
        done(sys::syscall(sys::nr::ADD_KEY, kind, name, key, 1usize, -1))
    }
}

/// Makes a map of one element.
fn bpf(_: &str) -> Attempt {
    let map = [2u32, 4, 4, 1, 0, 0, 0, 0]; // an array
    // SAFETY: the attributes are as long as is said.
    done(unsafe { sys::syscall(sys::nr::BPF, 0, map.as_ptr(), size_of_val(&map)) })
}

/// Counts the machine's, not this process's, context switches.
fn perf(_: &str) -> Attempt {
    let mut event = [0u32; 28];
    (event[0], event[1], event[2]) = (1, 112, 3);
    // SAFETY: the attributes are as long as they say.
    done(unsafe { sys::syscall(sys::nr::PERF_EVENT_OPEN, event.as_ptr(), -1, 0, -1, 0) })
}

fn userfaultfd(_: &str) -> Attempt {
    // SAFETY: it takes a number.
    done(unsafe { sys::syscall(sys::nr::USERFAULTFD, 0) })
}
