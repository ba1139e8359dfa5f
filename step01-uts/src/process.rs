//! The command that a container runs, and `exec`.
//!
//! See execve(2), and environ(7) for how `PATH` is searched.

use std::{
    ffi::{CString, OsString},
    os::{
        fd::AsRawFd,
        unix::{ffi::OsStrExt, fs::PermissionsExt},
    },
    path::{Path, PathBuf},
};

use nix::{
    dir::{Dir, Entry},
    errno::Errno,
    fcntl::{AtFlags, OFlag},
    sys::{
        stat::{Mode, fstat, fstatat},
        statfs::{PROC_SUPER_MAGIC, fstatfs},
    },
    unistd::{AccessFlags, access, chdir, execve, pipe2},
};

use crate::{Explain, Failure, sh};

/// Where commands are looked for if the container's environment has no `PATH`.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command: what to execute, with which environment, in which directory.
#[derive(Clone, Debug)]
pub struct Process {
    /// The program and its arguments; never empty.
    pub args: Vec<OsString>,
    /// The whole environment, in order.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory; `None` leaves it where it is.
    pub cwd: Option<PathBuf>,
    /// How many descriptors, after standard input, output and error, the command inherits.
    pub preserve_fds: u32,
}

impl Process {
    /// `args` in this process's own environment and working directory.
    pub fn new(args: Vec<OsString>) -> Self {
        Self { args, env: std::env::vars_os().collect(), cwd: None, preserve_fds: 0 }
    }

    /// Sets a variable, in place of an earlier value.
    pub fn set_env(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        let (name, value) = (name.into(), value.into());
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value));
    }

    /// Enters the working directory and finds the program. What may fail is the command's doing, and
    /// has the exit code that shells and Docker use: 127 if there is no such command.
    pub(crate) fn ready(&self, explain: &Explain) -> Result<Command, Failure> {
        if let Some(cwd) = &self.cwd {
            explain.say(sh(["cd".as_ref(), cwd.as_os_str()]));
            let failed = |why: String| {
                Failure::new(125, format!("exec: entering directory {}: {why}", cwd.display()))
            };
            chdir(cwd).map_err(|errno| failed(errno.to_string()))?;
            if !cwd_is_inside_root() {
                return Err(failed("it is outside of the container".into()));
            }
        }
        let program = self.find()?;
        if let Err(errno) = access(&program, AccessFlags::X_OK).and_then(|()| not_a_dir(&program)) {
            return Err(refusal(&program, errno));
        }
        let env =
            self.env.iter().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
        Ok(Command {
            path: c_string(program.as_os_str().as_bytes().into())?,
            args: c_strings(self.args.iter().map(|arg| arg.as_bytes().to_vec()))?,
            env: c_strings(env)?,
            shown: sh(&self.args),
            preserve_fds: self.preserve_fds,
            program,
        })
    }

    /// The file to execute: a name with a slash as it stands, any other by `PATH`.
    fn find(&self) -> Result<PathBuf, Failure> {
        let name = Path::new(&self.args[0]);
        if name.as_os_str().is_empty() {
            return Err(Failure::new(127, "exec: the name of the command is empty"));
        }
        if name.as_os_str().as_bytes().contains(&b'/') {
            return Ok(name.to_owned());
        }
        let path = self.env.iter().find(|(name, _)| name == "PATH");
        let path = path.map_or(DEFAULT_PATH.as_ref(), |(_, value)| value.as_os_str());
        let files = || std::env::split_paths(path).map(|dir| dir.join(name));
        let found = files().find(|file| executable(file)).or_else(|| files().find(|f| f.is_file()));
        found.ok_or_else(|| {
            let (name, path) = (name.display(), path.to_string_lossy());
            Failure::new(127, format!("exec: {name}: executable file not found in PATH ({path})"))
        })
    }
}

/// A command that can be executed at once.
pub(crate) struct Command {
    program: PathBuf,
    path: CString,
    args: Vec<CString>,
    env: Vec<CString>,
    shown: String,
    preserve_fds: u32,
}

impl Command {
    // ANCHOR: exec-seal
    /// Becomes the command. Returns only if that fails, with exit code 126 if it cannot be executed.
    /// `seal` is done when nothing is left to do but the one system call.
    pub fn exec(&self, explain: &Explain, seal: impl FnOnce() -> Result<(), Failure>) -> Failure {
        // ANCHOR: exercise-1-5
        explain.say(format_args!("exec {}", self.shown));
        if let Err(failure) = close_doors(self.preserve_fds).and_then(|()| seal()) {
            return failure;
        }
        let Err(errno) = execve(&self.path, &self.args, &self.env);
        refusal(&self.program, errno)
        // ANCHOR_END: exercise-1-5
    }
    // ANCHOR_END: exec-seal
}

// ANCHOR: cwd-inside
/// Whether a path leads from the root directory to the working directory. One like
/// `/proc/self/fd/7` may have led to any directory that is open in this process, which is how
/// containers came to run in the host's files (CVE-2024-21626). See getcwd(2), "(unreachable)".
pub fn cwd_is_inside_root() -> bool {
    let mut path = [0_u8; libc::PATH_MAX as usize];
    // SAFETY: the kernel writes no more than the length that it is told.
    let length = unsafe { libc::syscall(libc::SYS_getcwd, path.as_mut_ptr(), path.len()) };
    length > 0 && path[0] == b'/'
}
// ANCHOR_END: cwd-inside

// ANCHOR: close-doors
/// What the caller has open beyond standard input, output and error is not the command's: be it a
/// directory, and it would lead back to the host's files from any root. See close_range(2).
fn close_doors(preserve: u32) -> Result<(), Failure> {
    let (first, last) = (3 + preserve, libc::c_uint::MAX);
    // SAFETY: nothing is closed here; the descriptors will be when the command is executed.
    let result =
        unsafe { libc::syscall(libc::SYS_close_range, first, last, libc::CLOSE_RANGE_CLOEXEC) };
    match Errno::result(result).map(drop) {
        // A filter of system calls that is older than the call, which came with Linux 5.9.
        Err(Errno::EPERM | Errno::ENOSYS) => close_one_by_one(first, listed()),
        marked => marked,
    }
    .map_err(|errno| Failure::new(125, format!("exec: marking descriptors to be closed: {errno}")))
}
// ANCHOR_END: close-doors

/// The same with calls that every filter allows: for those that are listed, or else for every number
/// there can be. Numbers may be above the limit of open files, if that was greater once, but hardly above
/// the kernel's own bound for it (`fs.nr_open`).
fn close_one_by_one(first: u32, listed: nix::Result<Vec<i32>>) -> nix::Result<()> {
    const NR_OPEN: i32 = 1 << 20;
    let first = first.cast_signed();
    match listed {
        Ok(listed) => listed.into_iter().filter(|fd| *fd >= first).try_for_each(mark),
        Err(_) => (first..NR_OPEN).try_for_each(mark),
    }
}

/// The descriptors that are open here, as procfs has them. Who owns the root file system may have laid
/// another process's over them, or anything else: in that nobody finds the pipe that this one has just
/// made.
fn listed() -> nix::Result<Vec<i32>> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut dir = Dir::open("/proc/self/fd", flags, Mode::empty())?;
    let (pipe, _other_end) = pipe2(OFlag::O_CLOEXEC)?;
    let seen = fstatat(&dir, pipe.as_raw_fd().to_string().as_str(), AtFlags::empty())?;
    let made = fstat(&pipe)?;
    let ours = (seen.st_dev, seen.st_ino) == (made.st_dev, made.st_ino);
    if !ours || fstatfs(&dir)?.filesystem_type() != PROC_SUPER_MAGIC {
        return Err(Errno::ESTALE);
    }
    let number = |entry: Entry| entry.file_name().to_str().ok()?.parse().ok();
    dir.iter().filter_map(|entry| entry.map(number).transpose()).collect()
}

fn mark(fd: i32) -> nix::Result<()> {
    // SAFETY: two numbers; a descriptor that is not open is an error.
    let marked = unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    match Errno::result(marked) {
        Err(Errno::EBADF) | Ok(_) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Directories may be "executed" too: entered.
fn not_a_dir(file: &Path) -> nix::Result<()> {
    if file.is_dir() { Err(Errno::EACCES) } else { Ok(()) }
}

fn executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Why execve(2) refused, in words that say what to mend.
fn refusal(program: &Path, errno: Errno) -> Failure {
    let why = match errno {
        Errno::ENOENT if program.exists() => {
            "its interpreter or dynamic loader is missing in the container".into()
        }
        Errno::ENOENT => "no such file or directory".into(),
        Errno::EACCES if program.is_dir() => "is a directory".into(),
        Errno::ENOEXEC => "not a program for this machine (ENOEXEC)".into(),
        errno => format!("cannot be executed: {errno}"),
    };
    Failure::new(exit_code(errno), format!("exec: {}: {why}", program.display()))
}

/// What a shell would exit with: whether the command is not there, or is there and cannot be executed.
fn exit_code(errno: Errno) -> u8 {
    // ANCHOR: exercise-1-4
    match errno {
        Errno::ENOENT => 127,
        _ => 126,
    }
    // ANCHOR_END: exercise-1-4
}

fn c_strings(all: impl IntoIterator<Item = Vec<u8>>) -> Result<Vec<CString>, Failure> {
    all.into_iter().map(c_string).collect()
}

fn c_string(bytes: Vec<u8>) -> Result<CString, Failure> {
    CString::new(bytes).map_err(|e| {
        let text = String::from_utf8_lossy(&e.into_vec()).replace('\0', "\\0");
        Failure::new(125, format!("exec: {text:?} holds a zero byte"))
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn is_marked(fd: i32) -> bool {
        // SAFETY: no more than a question about a number.
        unsafe { libc::fcntl(fd, libc::F_GETFD) & libc::FD_CLOEXEC != 0 }
    }

    #[test]
    fn all_from_the_first_on_are_marked_listed_or_not() {
        let open = || File::open("/dev/null").expect("it is everywhere");
        for told in [listed as fn() -> _, || Err(Errno::ENOENT)] {
            let (mut before, mut after) = (open(), open());
            if before.as_raw_fd() > after.as_raw_fd() {
                (before, after) = (after, before);
            }
            for file in [&before, &after] {
                // SAFETY: both are open.
                unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) };
            }
            let first = after.as_raw_fd().cast_unsigned();
            close_one_by_one(first, told()).expect("there is nothing to it");
            assert_eq!(
                (is_marked(before.as_raw_fd()), is_marked(after.as_raw_fd())),
                (false, true)
            );
        }
    }
}
