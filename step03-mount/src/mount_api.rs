//! The mount system calls that work on descriptors instead of paths.
//!
//! With mount(2) a path is resolved by the kernel at the moment of the call, and whoever can rename
//! files beneath it decides where it leads. The calls here take a mount apart from its place:
//! first there is a mount that is attached nowhere, as a descriptor; it gets its attributes; then
//! it is attached to a directory or file that was resolved before, also a descriptor.
//!
//! See fsopen(2), fsconfig(2), fsmount(2), open_tree(2), mount_setattr(2), move_mount(2). All of
//! them together need Linux 5.12.

use std::{
    ffi::{CString, c_long},
    fmt,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
    ptr::null,
};

use libc::fsconfig_command;
use nix::{errno::Errno, unistd::read};

/// What mount_setattr(2) is to change about a mount; by default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `MOUNT_ATTR_*` to set.
    pub set: u64,
    /// `MOUNT_ATTR_*` to clear; cleared first. To choose a way of access times, which is a value
    /// and no flag, all of `MOUNT_ATTR__ATIME` must be cleared.
    pub clear: u64,
    /// `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED` or `MS_UNBINDABLE`; 0 leaves it.
    pub propagation: u64,
    /// For the mounts below it too.
    pub recursive: bool,
}

impl Attributes {
    /// Read-only, here and below.
    pub const READ_ONLY: Self =
        Self { set: libc::MOUNT_ATTR_RDONLY, clear: 0, propagation: 0, recursive: true };
}

/// Why there is no new file system: the error, and the kernel's own words for it if it has any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For the caller to decide by.
    pub errno: Errno,
    words: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.words.as_str() {
            "" => write!(f, "{}", self.errno),
            words => write!(f, "{} ({words})", self.errno),
        }
    }
}

impl std::error::Error for Refusal {}

/// A new file system of type `fstype`, mounted but attached nowhere.
///
/// `source` is the name that mountinfo shows for it. `data` are the options of the file system
/// itself, `name` or `name=value`.
pub fn new_filesystem(
    fstype: &str,
    source: &str,
    data: &[String],
    attributes: Attributes,
) -> Result<OwnedFd, Refusal> {
    // ANCHOR: exercise-3-4
    let context = fsopen(fstype)?;
    fsconfig(&context, libc::FSCONFIG_SET_STRING, Some("source"), Some(source))?;
    for option in data {
        match option.split_once('=') {
            Some((name, value)) => {
                fsconfig(&context, libc::FSCONFIG_SET_STRING, Some(name), Some(value))?;
            }
            None => fsconfig(&context, libc::FSCONFIG_SET_FLAG, Some(option), None)?,
        }
    }
    fsconfig(&context, libc::FSCONFIG_CMD_CREATE, None, None)?;
    let (flags, set) = (libc::FSMOUNT_CLOEXEC, attributes.set);
    // SAFETY: numbers go in, a descriptor comes out.
    let mount = unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), flags, set) };
    fd(mount).map_err(|errno| Refusal { errno, words: last_words(&context, String::new()) })
    // ANCHOR_END: exercise-3-4
}

/// A copy of the mount at `place`, or of the part of it that begins there, attached nowhere; with
/// all mounts below it if `recursive`. Attaching it is what `mount --bind` does.
pub fn copy(place: impl AsFd, recursive: bool) -> nix::Result<OwnedFd> {
    let below = if recursive { libc::AT_RECURSIVE.cast_unsigned() } else { 0 };
    let flags = libc::OPEN_TREE_CLONE
        | libc::OPEN_TREE_CLOEXEC
        | libc::AT_EMPTY_PATH.cast_unsigned()
        | below;
    // SAFETY: the empty path is a constant.
    fd(unsafe {
        libc::syscall(libc::SYS_open_tree, place.as_fd().as_raw_fd(), c"".as_ptr(), flags)
    })
}

/// Changes attributes of `mount`. What a parent user namespace has locked stays as it is unless
/// it is asked to be cleared, which fails with `EPERM`.
pub fn change(mount: impl AsFd, attributes: Attributes) -> nix::Result<()> {
    if (Attributes { recursive: false, ..attributes }) == Attributes::default() {
        return Ok(());
    }
    let attr = libc::mount_attr {
        attr_set: attributes.set,
        attr_clr: attributes.clear,
        propagation: attributes.propagation,
        userns_fd: 0,
    };
    set_attributes(mount, attributes.recursive, attr)
}

/// Has the owners of all files in `mount`, and in those below it if `recursive`, shown as the ids that
/// the user namespace gives them. Only as long as it is attached nowhere, and not twice.
pub fn map_ids(mount: impl AsFd, user_namespace: impl AsFd, recursive: bool) -> nix::Result<()> {
    let attr = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: u64::from(user_namespace.as_fd().as_raw_fd().cast_unsigned()),
    };
    set_attributes(mount, recursive, attr)
}

fn set_attributes(mount: impl AsFd, recursive: bool, attr: libc::mount_attr) -> nix::Result<()> {
    // ANCHOR: exercise-3-7
    let recursive = if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the kernel reads `attr`, whose size it is told.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | recursive,
            &raw const attr,
            size_of_val(&attr),
        )
    };
    Errno::result(result).map(drop)
    // ANCHOR_END: exercise-3-7
}

/// Attaches `mount` on `target`.
pub fn attach(mount: impl AsFd, target: impl AsFd) -> nix::Result<()> {
    // ANCHOR: exercise-3-3
    let flags = libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH;
    // SAFETY: the empty paths are constants.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            target.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
        )
    };
    Errno::result(result).map(drop)
    // ANCHOR_END: exercise-3-3
}

/// The number of the mount that `place` is in. See statx(2).
pub fn mount_id(place: impl AsFd) -> nix::Result<u64> {
    // SAFETY: `statx` is a plain structure of integers.
    let mut stat: libc::statx = unsafe { std::mem::zeroed() };
    let fd = place.as_fd().as_raw_fd();
    // SAFETY: the kernel writes one `statx`.
    let result = unsafe {
        libc::statx(fd, c"".as_ptr(), libc::AT_EMPTY_PATH, libc::STATX_MNT_ID, &raw mut stat)
    };
    Errno::result(result).map(|_| stat.stx_mnt_id)
}

fn fsopen(fstype: &str) -> Result<OwnedFd, Refusal> {
    let name = c_string(fstype)?;
    // SAFETY: the kernel reads the string and keeps no pointer to it.
    let context =
        fd(unsafe { libc::syscall(libc::SYS_fsopen, name.as_ptr(), libc::FSOPEN_CLOEXEC) });
    context.map_err(|errno| Refusal {
        errno,
        words: match errno {
            Errno::ENODEV => "this kernel has no such file system".into(),
            _ => String::new(),
        },
    })
}

fn fsconfig(
    context: &OwnedFd,
    command: fsconfig_command,
    name: Option<&str>,
    value: Option<&str>,
) -> Result<(), Refusal> {
    let (option, text) = (name.map(c_string).transpose()?, value.map(c_string).transpose()?);
    let pointer = |text: &Option<CString>| text.as_ref().map_or(null(), |text| text.as_ptr());
    // SAFETY: the kernel reads the strings and keeps no pointers to them.
    let result = unsafe {
        libc::syscall(
            libc::SYS_fsconfig,
            context.as_raw_fd(),
            command,
            pointer(&option),
            pointer(&text),
            0,
        )
    };
    Errno::result(result).map(drop).map_err(|errno| {
        let option = name.map_or(String::new(), |name| format!("option {name}"));
        Refusal { errno, words: last_words(context, option) }
    })
}

/// What the kernel says about a failure. It is read from the context, one message a read: a letter
/// for how bad it is, a space, the text.
fn last_words(context: &OwnedFd, otherwise: String) -> String {
    let mut words = otherwise;
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = read(context, &mut buffer) {
        let message = String::from_utf8_lossy(&buffer[..length]);
        if let Some(text) = message.strip_prefix("e ") {
            words = text.trim_end().to_string();
        }
    }
    words
}

fn c_string(text: &str) -> Result<CString, Refusal> {
    CString::new(text)
        .map_err(|_| Refusal { errno: Errno::EINVAL, words: format!("zero byte in {text:?}") })
}

fn fd(result: c_long) -> nix::Result<OwnedFd> {
    let fd = RawFd::try_from(Errno::result(result)?).expect("descriptors fit c_int");
    // SAFETY: the kernel has just opened it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
